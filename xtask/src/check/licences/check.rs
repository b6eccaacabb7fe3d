use super::policy::Policy;
use super::verdict::violations;
use crate::check::metadata::metadata;
use crate::failure::Failure;
use crate::shell;

/// Checks licences, bans and sources of every package that we use on any platform.
///
/// # Errors
///
/// When one breaks the policy.
pub(in crate::check) fn check() -> Result<(), Failure> {
    let policy = Policy::read()?;
    let packages = metadata()?;
    Failure::unless_empty("packages break deny.toml", violations(&policy, &packages))?;
    shell::say(&format!("    {} packages are within deny.toml", packages.len()));
    if shell::find_program("cargo-deny").is_none() {
        return Ok(());
    }
    shell::run(&mut shell::cargo(&["deny", "--all-features", "check", "licenses", "bans", "sources"]))
}
