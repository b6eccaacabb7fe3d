use crate::failure::Failure;
use crate::shell::{cargo, run};

/// Writes the generated pages: the test that compares each with what it describes writes it when asked to.
///
/// # Errors
///
/// When one cannot be made or written.
pub(crate) fn write() -> Result<(), Failure> {
    let mut test = cargo(&["nextest", "run", "--workspace", "--all-features", "-E", "test(/^help_page::/)"]);
    run(test.env("EBBTIDE_GENERATE", "1"))
}
