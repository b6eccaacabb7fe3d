//! Programs from PyPI, each in a virtual environment of its own below `target`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::shell;
use crate::test::tools;

/// Written last, so that an interrupted installation is repeated. Contains the installed requirements.
const MARK: &str = "complete";

/// A virtual environment with pinned packages, kept between runs with the other build output.
#[derive(Debug)]
pub(crate) struct Environment {
    /// The program that it is for, in error messages.
    pub(crate) name: &'static str,
    /// Where it is.
    pub(crate) folder: &'static str,
    /// Every package with its version, dependencies included, in the form of `pip install --requirement`.
    pub(crate) requirements: &'static str,
}

impl Environment {
    /// Returns the path of a program in the environment, after installing the environment if it is missing or has other
    /// requirements.
    ///
    /// # Errors
    ///
    /// When Python or one of the packages cannot be installed.
    pub(crate) fn find_or_install(&self, program: &str) -> Result<PathBuf, Failure> {
        let folder = Path::new(self.folder);
        if !fs::read_to_string(folder.join(MARK)).is_ok_and(|met| met == self.requirements) {
            if folder.exists() {
                fs::remove_dir_all(folder).map_err(Failure::io(format!("remove an old {}", self.name)))?;
            }
            self.install(folder)?;
        }
        Ok(folder.join("bin").join(program))
    }

    fn install(&self, folder: &Path) -> Result<(), Failure> {
        let system = tools::find_or_install("python3", "python3")?;
        let mut can_install = Command::new(&system);
        if !can_install.args(["-c", "import ensurepip, venv"]).output().is_ok_and(|ran| ran.status.success())
        {
            tools::install("python3 -m venv", "python3-venv")?;
        }
        shell::run(Command::new(&system).args(["-m", "venv"]).arg(folder))?;
        let list = folder.join("requirements.txt");
        fs::write(&list, self.requirements)
            .map_err(Failure::io(format!("write the requirements of {}", self.name)))?;
        let mut install = Command::new(folder.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        // The list is complete, and no package is built from source.
        install.args(["--no-deps", "--only-binary=:all:", "--no-compile", "--requirement"]).arg(&list);
        shell::run(&mut install)?;
        fs::write(folder.join(MARK), self.requirements)
            .map_err(Failure::io(format!("mark {} as installed", self.name)))
    }
}
