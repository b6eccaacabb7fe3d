//! What cargo's own tools check.

use crate::failure::Failure;
use crate::shell;

pub(super) fn format() -> Result<(), Failure> {
    shell::run(&mut shell::cargo(&["fmt", "--all", "--check"]))
}

pub(super) fn lints() -> Result<(), Failure> {
    let arguments =
        ["clippy", "--quiet", "--workspace", "--all-targets", "--all-features", "--", "-Dwarnings"];
    shell::run(&mut shell::cargo(&arguments))
}

/// The command is documented apart: its program and the library have one name, and so would their pages.
pub(super) fn documentation() -> Result<(), Failure> {
    let command =
        ["doc", "--quiet", "--package", "ebbtide-cli", "--bins", "--no-deps", "--document-private-items"];
    let libraries = ["doc", "--quiet", "--workspace", "--lib", "--no-deps", "--all-features"];
    [command.as_slice(), libraries.as_slice()]
        .into_iter()
        .try_for_each(|arguments| shell::run(shell::cargo(arguments).env("RUSTDOCFLAGS", "-Dwarnings")))
}
