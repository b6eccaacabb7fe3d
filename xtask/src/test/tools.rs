//! Programs that tests start, beyond what comes with Rust.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;

use crate::failure::Failure;
use crate::shell;

/// A program that tests need, and the Debian package that has it.
struct Tool {
    program: &'static str,
    package: &'static str,
}

/// `rehearse` is shown on services that are not Rust: the first two run them. The next four make two machines out of one, for
/// what has to be shown between machines. The brokers are started by tests that kill them, beside the one for all tests.
const TOOLS: [Tool; 9] = [
    Tool { program: "python3", package: "python3" },
    Tool { program: "node", package: "nodejs" },
    Tool { program: "ip", package: "iproute2" },
    Tool { program: "nft", package: "nftables" },
    Tool { program: "nsenter", package: "util-linux" },
    Tool { program: "setpriv", package: "util-linux" },
    Tool { program: "redis-server", package: "redis-server" },
    Tool { program: "rabbitmq-server", package: "rabbitmq-server" },
    Tool { program: "nats-server", package: "nats-server" },
];

/// Makes sure that every tool is there.
///
/// # Errors
///
/// When one is missing and cannot be installed; the error names the package.
pub(super) fn provide() -> Result<(), Failure> {
    if shell::output(&mut shell::cargo(&["nextest", "--version"])).is_err() {
        shell::run(&mut shell::cargo(&["install", "--locked", "cargo-nextest"]))?;
    }
    TOOLS
        .iter()
        .filter(|tool| shell::find_program(tool.program).is_none())
        .try_for_each(|tool| install(tool.program, tool.package))
}

/// Returns where a program is, after installing its Debian package where it is missing.
///
/// # Errors
///
/// When it cannot be installed, or was not in the package.
pub(super) fn find_or_install(tool: &'static str, package: &'static str) -> Result<PathBuf, Failure> {
    if let Some(program) = shell::find_program(tool) {
        return Ok(program);
    }
    install(tool, package)?;
    let why = "was not among what the package installed";
    shell::find_program(tool).ok_or(Failure::MissingTool { tool, package, why })
}

/// Installs a Debian package.
///
/// # Errors
///
/// Where there is no apt-get, where we are not root, or when it fails.
pub(super) fn install(tool: &'static str, package: &'static str) -> Result<(), Failure> {
    static LISTS: Once = Once::new();
    let missing = |why| Failure::MissingTool { tool, package, why };
    if shell::find_program("apt-get").is_none() {
        return Err(missing("there is no apt-get here to install it with"));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(missing("only root may install it"));
    }
    let mut updated = Ok(());
    LISTS.call_once(|| updated = shell::run(Command::new("apt-get").args(["update", "--quiet"])));
    updated?;
    let arguments = ["install", "--yes", "--quiet", "--no-install-recommends", package];
    shell::run(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
}
