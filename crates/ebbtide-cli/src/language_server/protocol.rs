//! The parts of the protocol that are used: what is read of messages, positions, and the addresses of files.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A line and a column from 0. The column counts units of UTF-16.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, Serialize)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) character: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(super) struct Range {
    pub(super) start: Position,
    pub(super) end: Position,
}

/// `textDocument/didOpen`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Opened {
    pub(super) text_document: TextDocument,
}

#[derive(Debug, Deserialize)]
pub(super) struct TextDocument {
    pub(super) uri: String,
    pub(super) text: String,
}

/// `textDocument/didChange`, with the whole text in each change.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changed {
    pub(super) text_document: Named,
    pub(super) content_changes: Vec<Content>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Content {
    pub(super) text: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) uri: String,
}

/// `textDocument/didSave`, `textDocument/didClose`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct About {
    pub(super) text_document: Named,
}

/// `textDocument/hover`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct At {
    pub(super) text_document: Named,
    pub(super) position: Position,
}

/// `textDocument/codeAction`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Within {
    pub(super) text_document: Named,
    pub(super) range: Range,
}

impl Position {
    /// Returns the position of a byte offset.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rfind('\n').map_or(0, |end| end.saturating_add(1));
        let last = before.get(line..).unwrap_or_default();
        Self { line: before.matches('\n').count(), character: last.encode_utf16().count() }
    }
}

impl Range {
    /// Returns the range of two byte offsets.
    pub(super) fn of(text: &str, start: usize, end: usize) -> Self {
        Self { start: Position::of(text, start), end: Position::of(text, end) }
    }

    /// Returns whether two ranges share a position. A cursor is a range without length.
    pub(super) fn touches(self, other: Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

/// Returns the path of a `file:` address.
pub(super) fn path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let mut bytes = Vec::new();
    let mut rest = rest.get(rest.find('/')?..)?.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|code| str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

/// Returns the `file:` address of a path.
pub(super) fn uri(path: &Path) -> String {
    let mut uri = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_counts_units_of_utf_16() {
        let text = "a\nä😀b\r\n";
        let at = |offset| {
            let Position { line, character } = Position::of(text, offset);
            (line, character)
        };
        assert_eq!(
            [0, 1, 2, 4, 8, 9, 11, 99].map(at),
            [(0, 0), (0, 1), (1, 0), (1, 1), (1, 3), (1, 4), (2, 0), (2, 0)]
        );
    }

    #[test]
    fn an_address_is_that_of_its_path() {
        for (text, address) in
            [("/a/b.yaml", "file:///a/b.yaml"), ("/a b/ä%20#.yaml", "file:///a%20b/%C3%A4%2520%23.yaml")]
        {
            assert_eq!(
                (uri(Path::new(text)), path(address)),
                (address.to_owned(), Some(PathBuf::from(text)))
            );
        }
        assert_eq!(path("file://localhost/a%zz%"), Some(PathBuf::from("/a%zz%")));
        assert_eq!((path("untitled:Untitled-1"), path("file://")), (None, None));
    }
}
