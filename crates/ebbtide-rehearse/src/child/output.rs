//! The end of what the service printed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// The last `lines` lines of the file `log`, without terminal colours; empty when there are none.
pub(crate) fn tail(log: &Path, lines: usize) -> Vec<String> {
    let text = end_of(log, 64 * 1024).unwrap_or_default();
    let text = anstream::adapter::strip_str(&text).to_string();
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all.iter().skip(all.len().saturating_sub(lines)).map(|line| (*line).to_owned()).collect()
}

fn end_of(log: &Path, most: u64) -> std::io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
