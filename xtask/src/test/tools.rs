//! Programs that the tests start, beyond what comes with Rust.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
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

/// Returns a `PATH` on which `python3` is the interpreter itself. A version manager's `python3` is a shell script that costs twice the
/// time that Python needs to start, and the tests start some hundreds.
///
/// # Errors
///
/// When Python does not run, or the link to it cannot be made.
pub(super) fn path() -> Result<OsString, Failure> {
    let python = shell::output(Command::new("python3").args(["-c", "import sys; print(sys.executable)"]))?;
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tests/programs"));
    let link = folder.join("python3");
    let linked = fs::create_dir_all(folder)
        .and_then(|()| if link.is_symlink() { fs::remove_file(&link) } else { Ok(()) })
        .and_then(|()| symlink(python.trim(), &link));
    linked.map_err(Failure::io(format!("link {} to Python", link.display())))?;
    let mut path = folder.as_os_str().to_owned();
    if let Some(rest) = env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    Ok(path)
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
    // A new machine updates its lists and packages by itself after it has started. Then this update fails, because of a lock that apt-get
    // does not wait for, and the other one's lists are used.
    let mut install = Command::new("apt-get");
    install.args(["-o", "DPkg::Lock::Timeout=300", "install", "--yes", "--quiet", "--no-install-recommends"]);
    shell::run(install.env("DEBIAN_FRONTEND", "noninteractive").arg(package))
        .map_err(|failed| updated.err().unwrap_or(failed))
}
