use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Enough for the largest of the tests.
const ENOUGH: u64 = 20_000;

/// Lets this process open as many files as it may ever have, or more where it may allow itself more, and returns how many.
///
/// # Errors
///
/// When the system refuses what it says is allowed.
pub fn raise_open_files() -> std::io::Result<u64> {
    let most = getrlimit(Resource::Nofile).maximum;
    let limit = |most| Rlimit { current: most, maximum: most };
    if most.is_some_and(|most| most < ENOUGH) && setrlimit(Resource::Nofile, limit(Some(ENOUGH))).is_ok() {
        return Ok(ENOUGH);
    }
    setrlimit(Resource::Nofile, limit(most))?;
    Ok(most.unwrap_or(u64::MAX))
}
