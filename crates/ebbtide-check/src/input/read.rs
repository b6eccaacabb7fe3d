use std::fs::{self, File, FileType};
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

/// The largest file that is read. The size of a real deployment file is a few kilobytes; that of generated ones some megabytes.
const MAX_BYTES: u64 = 64 << 20;

/// Where a process finds the files that it has open. A shell passes the pipe of `<(command)` by such a path.
const OPEN: [&str; 3] = ["/dev/stdin", "/dev/fd", "/proc/self/fd"];

/// A text from a file.
pub(super) struct Text {
    pub(super) text: String,
    pub(super) has_bom: bool,
}

/// Why a file has no text.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("cannot read the file: {0}")]
    Io(io::Error),
    #[error("not a regular file: {0}")]
    Special(&'static str),
    #[error("larger than {} MiB", MAX_BYTES >> 20)]
    TooLarge,
    #[error("not UTF-8: invalid byte in line {0}, column {1}")]
    NotUtf8(usize, usize),
    #[error("encoded in UTF-16: expected UTF-8")]
    Utf16,
}

/// Reads the text of a file, without a byte order mark.
///
/// # Errors
///
/// The file cannot be read, is a folder, a device, a socket or a FIFO, is not UTF-8, or is larger than 64 MiB.
pub fn read_text(path: &Path) -> io::Result<String> {
    match read(path) {
        Ok(read) => Ok(read.text),
        Err(Unreadable::Io(error)) => Err(error),
        Err(unreadable) => Err(io::Error::other(unreadable)),
    }
}

pub(super) fn read(path: &Path) -> Result<Text, Unreadable> {
    // systemd's way to mask a unit, whose text is then empty.
    if fs::read_link(path).is_ok_and(|target| target == Path::new("/dev/null")) {
        return Ok(Text { text: String::new(), has_bom: false });
    }
    // Before it is opened, because that waits for a writer if it is a FIFO.
    let kind = fs::metadata(path).map_err(Unreadable::Io)?.file_type();
    let is_open = kind.is_fifo() && OPEN.iter().any(|folder| path.starts_with(folder));
    if let Some(special) = special(kind).filter(|_| !is_open) {
        return Err(Unreadable::Special(special));
    }
    let file = File::open(path).map_err(Unreadable::Io)?;
    let mut bytes = Vec::new();
    // The file may grow while it is read, and a pipe has no length.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(Unreadable::Io)?;
    decode(bytes)
}

/// Returns what a file is of which the reading may never end.
fn special(kind: FileType) -> Option<&'static str> {
    if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() {
        Some("a FIFO")
    } else if kind.is_socket() {
        Some("a socket")
    } else if kind.is_char_device() || kind.is_block_device() {
        Some("a device")
    } else {
        None
    }
}

fn decode(bytes: Vec<u8>) -> Result<Text, Unreadable> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Unreadable::Utf16);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = valid.rsplit(|byte| *byte == b'\n').next().map(String::from_utf8_lossy);
        let lines = valid.iter().filter(|byte| **byte == b'\n').count();
        let column = line.map_or(0, |line| line.chars().count());
        Unreadable::NotUtf8(lines.saturating_add(1), column.saturating_add(1))
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => Text { text: rest.to_owned(), has_bom: true },
        None => Text { text, has_bom: false },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            Unreadable::Io(_) => Unreadable::Io(io::Error::other("permission denied"));
            Unreadable::Special(_) => Unreadable::Special("a FIFO");
            Unreadable::TooLarge => Unreadable::TooLarge;
            Unreadable::NotUtf8(..) => Unreadable::NotUtf8(7, 1);
            Unreadable::Utf16 => Unreadable::Utf16;
        }
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_text() {
        let text = decode(b"\xef\xbb\xbfa: 1".to_vec()).ok().unwrap();
        assert_eq!((&*text.text, text.has_bom), ("a: 1", true));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_with_their_place() {
        let refused = |bytes: &[u8]| decode(bytes.to_vec()).err().unwrap().to_string();
        assert_eq!(refused(b"a: 1\nb\xc3\xa4: \xff"), "not UTF-8: invalid byte in line 2, column 5");
        assert_eq!(refused(b"\xff\xfea\0"), "encoded in UTF-16: expected UTF-8");
        assert_eq!(refused(b"\xfe\xff\0a"), "encoded in UTF-16: expected UTF-8");
    }
}
