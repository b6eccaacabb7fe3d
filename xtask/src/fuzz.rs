//! `cargo xtask fuzz`: bytes from the wire, where our own code reads them, for a bounded time.

use std::fs;
use std::process::Command;

use crate::failure::Failure;
use crate::shell;

const FOLDER: &str = "fuzz";

/// Runs each target for `seconds`, beginning with its seeds and with what earlier runs on this machine found interesting.
///
/// # Errors
///
/// When there is no nightly toolchain or no cargo-fuzz, and when a target finds something: the input is then kept in
/// `fuzz/artifacts`.
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
    fs::create_dir_all(&corpus).map_err(Failure::io(format!("make {corpus}")))?;
    let mut fuzz = Command::new("cargo");
    fuzz.args(["+nightly", "fuzz", "run", "--fuzz-dir", FOLDER, target, &corpus]);
    fuzz.arg(format!("{FOLDER}/seeds/{target}"));
    fuzz.args(["--", &format!("-max_total_time={seconds}"), "-timeout=5", "-print_final_stats=1"]);
    shell::run(&mut fuzz)
}

/// The names of the targets, each of which has seeds.
fn targets() -> Result<Vec<String>, Failure> {
    let folder = format!("{FOLDER}/targets");
    let files = fs::read_dir(&folder).map_err(Failure::io(format!("read {folder}")))?;
    let names = files.flatten().filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}
