use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::shell;
use crate::test::tools;

/// Pinned, with all that it needs: the same emulator wherever the tests run.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// Kept from one run to the next, with what else was built.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tests/localstack");

/// Written last, so that one whose making was interrupted is made anew. It has the requirements that were met.
const MARK: &str = "complete";

/// Returns the Python that has LocalStack, after installing it where it is missing.
///
/// # Errors
///
/// When Python or one of the packages cannot be had.
pub(super) fn find_or_install() -> Result<PathBuf, Failure> {
    let folder = Path::new(FOLDER);
    let python = folder.join("bin/python");
    if fs::read_to_string(folder.join(MARK)).is_ok_and(|met| met == REQUIREMENTS) {
        return Ok(python);
    }
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Failure::io("remove an old LocalStack"))?;
    }
    make(folder, &python)?;
    Ok(python)
}

fn make(folder: &Path, python: &Path) -> Result<(), Failure> {
    let system = tools::find_or_install("python3", "python3")?;
    let mut can_install = Command::new(&system);
    if !can_install.args(["-c", "import ensurepip, venv"]).output().is_ok_and(|ran| ran.status.success()) {
        tools::install("python3 -m venv", "python3-venv")?;
    }
    shell::run(Command::new(&system).args(["-m", "venv"]).arg(folder))?;
    let list = folder.join("requirements.txt");
    fs::write(&list, REQUIREMENTS).map_err(Failure::io("write what LocalStack needs"))?;
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    // The list is whole, and nothing of it is built here.
    install.args(["--no-deps", "--only-binary=:all:", "--no-compile", "--requirement"]).arg(&list);
    shell::run(&mut install)?;
    fs::write(folder.join(MARK), REQUIREMENTS).map_err(Failure::io("mark LocalStack as installed"))
}
