use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The largest file that is read. The size of a real deployment file is a few kilobytes; that of generated ones some megabytes.
const MAX_BYTES: u64 = 64 << 20;

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
    #[error("not a regular file")]
    Special,
    #[error("larger than {} MiB", MAX_BYTES >> 20)]
    TooLarge,
    #[error("not UTF-8: invalid byte at offset {0}")]
    NotUtf8(usize),
}

pub(super) fn read(path: &Path) -> Result<Text, Unreadable> {
    let file = File::open(path).map_err(Unreadable::Io)?;
    let metadata = file.metadata().map_err(Unreadable::Io)?;
    // A pipe such as /dev/stdin is read, a folder or a device is not.
    if metadata.is_dir() {
        return Err(Unreadable::Special);
    }
    let mut bytes = Vec::new();
    // The file may grow while it is read, and a pipe has no length.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(Unreadable::Io)?;
    decode(bytes)
}

fn decode(bytes: Vec<u8>) -> Result<Text, Unreadable> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    let text =
        String::from_utf8(bytes).map_err(|error| Unreadable::NotUtf8(error.utf8_error().valid_up_to()))?;
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
            Unreadable::Special => Unreadable::Special;
            Unreadable::TooLarge => Unreadable::TooLarge;
            Unreadable::NotUtf8(_) => Unreadable::NotUtf8(7);
        }
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_text() {
        let text = decode(b"\xef\xbb\xbfa: 1".to_vec()).ok().unwrap();
        assert_eq!((&*text.text, text.has_bom), ("a: 1", true));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_with_their_offset() {
        let refused = decode(b"a: \xff".to_vec()).err().unwrap();
        assert_eq!(refused.to_string(), "not UTF-8: invalid byte at offset 3");
    }
}
