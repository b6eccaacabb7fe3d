use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Column;
use super::load::Load;
use crate::service::{Child, ServerArgs, Side};

/// What one request costs a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) column: Column,
    pub(super) side: Side,
    /// In user space; the kernel's are not seen.
    pub(super) instructions: f64,
}

/// Counts the instructions of one request: those of a server that was asked `2 * counted` times, less those of one that
/// was asked half as often, on one connection or, where each request has its own, one after the other.
pub(super) fn count(column: Column, side: Side, counted: u32) -> io::Result<Cost> {
    let (once, twice) = (run(column, side, counted)?, run(column, side, counted * 2)?);
    let instructions = (twice as f64 - once as f64) / f64::from(counted);
    Ok(Cost { column, side, instructions })
}

/// Returns whether callgrind is there, and what to do where it is not.
pub(super) fn is_possible() -> io::Result<()> {
    let mut valgrind = Command::new("valgrind");
    match valgrind.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(io::Error::other(
            "valgrind counts the instructions and is not there: install it (apt-get install valgrind), or say --no-cost",
        )),
    }
}

fn run(column: Column, side: Side, times: u32) -> io::Result<u64> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("callgrind.out");
    let to = format!("--callgrind-out-file={}", file.display());
    let tool = ["valgrind", "--quiet", "--tool=callgrind", &to];
    let args = ServerArgs { workers: Some(1), http2: column == Column::Http2, ..ServerArgs::DEFAULT };
    let mut server = Child::start_under(Some(&tool), side, args)?;
    let mut load = Load::connect(column, server.address(), 1)?;
    load.ask(times)?;
    drop(load);
    server.terminate()?;
    server.wait()?;
    total(&file)
}

fn total(file: &Path) -> io::Result<u64> {
    let text = std::fs::read_to_string(file)?;
    let total =
        text.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    let total = total.and_then(|total| total.trim().parse().ok());
    total.ok_or_else(|| io::Error::other("callgrind wrote no total"))
}
