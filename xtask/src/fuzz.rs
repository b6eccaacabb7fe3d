//! `cargo xtask fuzz`: fuzzes every parser of network bytes in this repository, for a limited time.

use std::fs;
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
    fuzz.arg(format!("{FOLDER}/seeds/{target}"));
    fuzz.args(["--", &format!("-max_total_time={seconds}"), "-timeout=5", "-print_final_stats=1"]);
    shell::run(&mut fuzz)
}

/// Returns the names of the targets. Each has a folder of seeds.
fn targets() -> Result<Vec<String>, Failure> {
    let folder = format!("{FOLDER}/targets");
    let files = fs::read_dir(&folder).map_err(Failure::io(format!("read {folder}")))?;
    let names = files.flatten().filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}
