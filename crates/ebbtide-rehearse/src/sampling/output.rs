//! Looks for stack traces in the part of the output that was printed after the signal.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::stack_traces::{FirstTrace, StackTraceReader};

/// At most this much is read, from the end: a service that prints without limit must not delay its verdict.
const MOST: u64 = 16 * 1024 * 1024;
/// Of a longer line the beginning is read.
const LONGEST: usize = 1024;

/// The buffers of C, Python, Java and other runtimes have a multiple of this length.
const BUFFER: u64 = 4096;

/// Returns the last line of the file `log` if it has no end and the file has the length of whole buffers: the next one was not written.
pub(super) fn truncated_line(log: &Path) -> io::Result<Option<String>> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    if length == 0 || length % BUFFER != 0 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(length.saturating_sub(BUFFER)))?;
    let mut end = Vec::new();
    file.take(BUFFER).read_to_end(&mut end)?;
    let line = end.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    // Only a line that begins within the buffer is text for certain.
    Ok((!line.is_empty() && line.len() < end.len()).then(|| String::from_utf8_lossy(line).into_owned()))
}

/// Returns the number of stack traces in the file `log` from the line on that begins at or after `from`, and the first one.
pub(super) fn stack_traces(log: &Path, from: u64) -> io::Result<Option<(u64, FirstTrace)>> {
    read(File::open(log)?, from, MOST)
}

fn read(mut file: File, from: u64, most: u64) -> io::Result<Option<(u64, FirstTrace)>> {
    let from = from.max(file.metadata()?.len().saturating_sub(most));
    // The byte before shows whether a line begins there.
    let mut offset = from.saturating_sub(1);
    file.seek(SeekFrom::Start(offset))?;
    let mut input = BufReader::with_capacity(64 * 1024, file);
    let mut traces = StackTraceReader::default();
    let mut line = Vec::with_capacity(LONGEST);
    while let length @ 1.. = next_line(&mut input, &mut line)? {
        if offset >= from {
            let text = String::from_utf8_lossy(&line);
            if text.contains('\x1b') {
                traces.read(offset, &anstream::adapter::strip_str(&text).to_string());
            } else {
                traces.read(offset, &text);
            }
        }
        offset = offset.saturating_add(length);
    }
    Ok(traces.finish())
}

/// Reads the beginning of the next line into `line`, and returns the length of the whole line; 0 at the end.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    line.clear();
    let mut length = 0_u64;
    loop {
        let part = input.fill_buf()?;
        let end = part.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(part.len(), |at| at + 1);
        let kept = end.unwrap_or(taken).min(LONGEST.saturating_sub(line.len()));
        line.extend_from_slice(part.get(..kept).unwrap_or_default());
        input.consume(taken);
        length = length.saturating_add(taken as u64);
        if end.is_some() || taken == 0 {
            return Ok(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const PANIC: &str = "thread 'main' panicked at a.rs:1:2:\nboom\n";

    fn seen(text: &str, from: usize, most: usize) -> Option<(u64, u64)> {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(&log, text).unwrap();
        let (count, first) = read(File::open(log).unwrap(), from as u64, most as u64).unwrap()?;
        Some((count, first.offset))
    }

    #[test]
    fn only_what_begins_after_the_signal_counts() {
        let text = format!("{PANIC}{PANIC}");
        assert_eq!(seen(&text, 0, text.len()), Some((2, 0)));
        assert_eq!(seen(&text, PANIC.len(), text.len()), Some((1, PANIC.len() as u64)));
        // It had begun before.
        assert_eq!(seen(&text, PANIC.len() + 1, text.len()), None);
        assert_eq!(seen(&text, text.len() + 10, text.len()), None, "the file was made shorter");
    }

    #[test]
    fn a_flood_is_read_from_its_end_and_lines_of_any_length_are_read() {
        let flood = "x".repeat(300_000) + "\n" + &"y\n".repeat(50_000);
        let text = format!("{flood}{PANIC}{flood}");
        assert_eq!(seen(&text, 0, text.len()), Some((1, flood.len() as u64)));
        assert_eq!(seen(&text, 0, flood.len() + PANIC.len() + 1), Some((1, flood.len() as u64)));
        assert_eq!(seen(&text, 0, flood.len()), None);
    }

    #[test]
    fn a_last_line_that_ends_with_a_buffer_is_truncated() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let cut = |text: &str| {
            fs::write(&log, text).unwrap();
            truncated_line(&log).unwrap()
        };
        let lines = "0123456\n".repeat(1024);
        assert_eq!(cut(&lines[4..4100]).as_deref(), Some("0123"));
        for whole in [&lines[..8192], &lines[4..4099], "no line end", "", &"x".repeat(4096)] {
            assert_eq!(cut(whole), None);
        }
    }

    #[test]
    fn colours_do_not_hide_a_stack_trace() {
        let text = PANIC.replace("thread", "\x1b[31mthread");
        assert_eq!(seen(&text, 0, text.len()), Some((1, 0)));
    }
}
