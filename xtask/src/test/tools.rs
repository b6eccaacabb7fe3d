//! Programs that the tests start, beyond what comes with Rust.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, Once, PoisonError};

use crate::failure::Failure;
use crate::shell;

/// A program that the tests need, and the Debian package that contains it.
struct Tool {
    program: &'static str,
    package: &'static str,
}

/// python3 and node run the services in other languages for `rehearse`. The next four programs emulate two machines on one
/// host. The brokers are for tests that kill a broker; those do not use the shared one. xmllint and jsonschema
/// validate documents by a schema.
const TOOLS: [Tool; 11] = [
    Tool { program: "python3", package: "python3" },
    Tool { program: "node", package: "nodejs" },
    Tool { program: "ip", package: "iproute2" },
    Tool { program: "nft", package: "nftables" },
    Tool { program: "nsenter", package: "util-linux" },
    Tool { program: "setpriv", package: "util-linux" },
    Tool { program: "redis-server", package: "redis-server" },
    Tool { program: "rabbitmq-server", package: "rabbitmq-server" },
    Tool { program: "nats-server", package: "nats-server" },
    Tool { program: "xmllint", package: "libxml2-utils" },
    Tool { program: "jsonschema", package: "python3-jsonschema" },
];

/// Installs the tools that are missing.
///
/// # Errors
///
/// When one is missing and cannot be installed. The error names the package.
pub(super) fn provide() -> Result<(), Failure> {
    if shell::output(&mut shell::cargo(&["nextest", "--version"])).is_err() {
        shell::run(&mut shell::cargo(&["install", "--locked", "cargo-nextest"]))?;
    }
    TOOLS
        .iter()
        .filter(|tool| shell::find_program(tool.program).is_none())
        .try_for_each(|tool| install(tool.program, tool.package))
}

/// Returns the path of a program, after installing its Debian package if it is missing.
///
/// # Errors
///
/// When it cannot be installed, or the package does not contain it.
pub(crate) fn find_or_install(tool: &'static str, package: &'static str) -> Result<PathBuf, Failure> {
    if let Some(program) = shell::find_program(tool) {
        return Ok(program);
    }
    install(tool, package)?;
    let why = "its package did not install it";
    shell::find_program(tool).ok_or(Failure::MissingTool { tool, package, why })
}

/// Installs a Debian package.
///
/// # Errors
///
/// When there is no apt-get, when this process does not run as root, or when apt-get fails.
pub(crate) fn install(tool: &'static str, package: &'static str) -> Result<(), Failure> {
    static LISTS: Once = Once::new();
    // Steps run concurrently, and apt-get fails while another one runs.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let missing = |why| Failure::MissingTool { tool, package, why };
    if shell::find_program("apt-get").is_none() {
        return Err(missing("apt-get is not available"));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(missing("installing it requires root"));
    }
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut updated = Ok(());
    LISTS.call_once(|| updated = shell::run(Command::new("apt-get").args(["update", "--quiet"])));
    updated?;
    let arguments = ["install", "--yes", "--quiet", "--no-install-recommends", package];
    shell::run(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
}
