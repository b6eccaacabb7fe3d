//! Installs what the servers of the zoo need: packages of Debian, and pinned ones of PyPI, npm and crates.io below `target/zoo`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::failure::Failure;
use crate::python::Environment;
use crate::shell;
use crate::test::tools;

macro_rules! target {
    ($path:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../target/zoo/", $path)
    };
}

const PYTHON: Environment = Environment {
    name: "the Python servers of the zoo",
    folder: target!("python"),
    requirements: include_str!("../../../tests/zoo/requirements.txt"),
};

const NPM: &str = target!("npm");
const RUST: &str = target!("rust");
const GO: &str = target!("go");

const PACKAGES: &str = include_str!("../../../tests/zoo/package.json");
const LOCK: &str = include_str!("../../../tests/zoo/package-lock.json");

/// What a server needs.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Need {
    /// Node, and the packages of `tests/zoo/package.json`.
    Npm,
    /// The packages of `tests/zoo/requirements.txt`.
    Python,
    /// The programs of `tests/zoo/Cargo.toml`.
    Rust,
    Caddy,
    Go,
    Haproxy,
    Java,
    Nginx,
    PhpFpm,
    Puma,
    Tini,
}

impl Need {
    /// Installs it if it is missing.
    ///
    /// # Errors
    ///
    /// When it cannot be installed.
    pub(super) fn provide(self) -> Result<(), Failure> {
        let debian = |program, package| tools::find_or_install(program, package).map(drop);
        match self {
            Self::Npm => npm(),
            Self::Python => PYTHON.find_or_install("python").map(drop),
            Self::Rust => rust(),
            Self::Caddy => debian("caddy", "caddy"),
            Self::Go => go(),
            Self::Haproxy => debian("haproxy", "haproxy"),
            Self::Java => debian("java", "openjdk-17-jdk-headless"),
            Self::Nginx => debian("nginx", "nginx-light"),
            Self::PhpFpm => debian("php-fpm8.2", "php8.2-fpm"),
            Self::Puma => debian("puma", "puma"),
            Self::Tini => debian("tini", "tini"),
        }
    }
}

/// The environment of the servers: what was installed is found first.
pub(super) fn variables() -> Result<[(&'static str, OsString); 2], Failure> {
    let ours = [target!("python/bin"), target!("rust/debug"), GO];
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian has the servers' programs in the administrators' folders.
    let administrators = ["/usr/sbin", "/sbin"];
    let folders = ours.map(Into::into).into_iter().chain(env::split_paths(&path));
    let path = env::join_paths(folders.chain(administrators.map(Into::into)))
        .map_err(|error| Failure::Unreadable { what: "the PATH".to_owned(), why: error.to_string() })?;
    Ok([("PATH", path), ("NODE_PATH", target!("npm/node_modules").into())])
}

/// Installs the locked packages, unless these very ones are installed.
fn npm() -> Result<(), Failure> {
    tools::find_or_install("node", "nodejs")?;
    let npm = tools::find_or_install("npm", "npm")?;
    let folder = Path::new(NPM);
    // Written last, so that an interrupted installation is repeated.
    let mark = folder.join("complete");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == LOCK) {
        return Ok(());
    }
    let cannot = || Failure::io("write the packages of the zoo");
    fs::create_dir_all(folder).map_err(cannot())?;
    fs::write(folder.join("package.json"), PACKAGES).map_err(cannot())?;
    fs::write(folder.join("package-lock.json"), LOCK).map_err(cannot())?;
    shell::run(
        Command::new(npm).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder),
    )?;
    fs::write(mark, LOCK).map_err(cannot())
}

/// Builds the Go server as `zoo-go`.
fn go() -> Result<(), Failure> {
    let program = tools::find_or_install("go", "golang-go")?;
    let mut build = Command::new(program);
    build.args(["build", "-o", target!("go/zoo-go"), "tests/zoo/go/server.go"]);
    shell::run(build.env("GOCACHE", target!("go/cache")))
}

/// Builds the Rust servers. A workspace of their own, since only the zoo needs actix-web.
fn rust() -> Result<(), Failure> {
    let mut build = shell::cargo(&["build", "--locked", "--manifest-path", "tests/zoo/Cargo.toml"]);
    shell::run(build.args(["--target-dir", RUST]).env_remove("CARGO_TARGET_DIR"))
}
