//! `cargo xtask fuzz`: fuzzes every parser of network bytes and of deployment files in this repository, for a limited time.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::failure::Failure;
use crate::shell;

const FOLDER: &str = "fuzz";

/// Runs each target for `seconds`, starting from its seeds and from the corpus of earlier runs on this machine.
///
/// # Errors
///
/// When there is no nightly toolchain, when cargo-fuzz cannot be installed, and when a target finds a failing input. That
/// input is kept in `fuzz/artifacts`.
pub(crate) fn run(seconds: u32) -> Result<(), Failure> {
    let targets = targets()?;
    if shell::output(&mut shell::cargo(&["fuzz", "--version"])).is_err() {
        shell::run(&mut shell::cargo(&["install", "cargo-fuzz"]))?;
    }
    let outcomes = targets.iter().map(|target| one(target, seconds));
    Failure::all(outcomes)
}

fn one(target: &str, seconds: u32) -> Result<(), Failure> {
    let corpus = format!("{FOLDER}/corpus/{target}");
    fs::create_dir_all(&corpus).map_err(Failure::io(format!("create {corpus}")))?;
    let mut fuzz = Command::new("cargo");
    fuzz.args(["+nightly", "fuzz", "run", "--fuzz-dir", FOLDER, target, &corpus]);
    fuzz.arg(seeds(target)?);
    fuzz.args(["--", &format!("-max_total_time={seconds}"), "-timeout=5", "-print_final_stats=1"]);
    shell::run(&mut fuzz)
}

/// Returns the folder of a target's seeds, in the crate that it fuzzes: the crate's tests use them too, also from its archive.
fn seeds(target: &str) -> Result<PathBuf, Failure> {
    let crates = fs::read_dir("crates").map_err(Failure::io("read crates"))?;
    let folders = crates.flatten().map(|one| one.path().join("seeds").join(target));
    let missing = || Failure::Unreadable {
        what: format!("the target {target}"),
        why: "no crate has seeds for it".to_owned(),
    };
    folders.into_iter().find(|folder| folder.is_dir()).ok_or_else(missing)
}

/// Returns the names of the targets. Each has a folder of seeds in the crate that it fuzzes.
fn targets() -> Result<Vec<String>, Failure> {
    let folder = format!("{FOLDER}/targets");
    let files = fs::read_dir(&folder).map_err(Failure::io(format!("read {folder}")))?;
    let names = files.flatten().filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_has_seeds() {
        shell::enter_workspace_root().unwrap();
        let targets = targets().unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            assert!(fs::read_dir(seeds(&target).unwrap()).unwrap().next().is_some(), "{target}");
        }
        assert!(seeds("no-such-target").is_err());
    }
}
