//! The destinations of a verdict, and their formats.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use ebbtide_rehearse::{Rehearsal, Scenario};

use super::{json, text};

/// A format, and a file or stdout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Destination {
    format: Format,
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Text,
    Json,
}

impl Destination {
    /// Parses `text`, `json`, `text=FILE` or `json=FILE`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (format, file) = match text.split_once('=') {
            Some((format, file)) => (format, Some(file)),
            None => (text, None),
        };
        let format = match format {
            "text" => Format::Text,
            "json" => Format::Json,
            _ => return None,
        };
        match file {
            Some("") => None,
            file => Some(Self { format, file: file.map(PathBuf::from) }),
        }
    }

    /// Adds text on stdout when nothing else goes there.
    ///
    /// # Errors
    ///
    /// More than one of them would write to stdout.
    pub(crate) fn complete(mut all: Vec<Self>) -> Result<Vec<Self>, String> {
        match all.iter().filter(|destination| destination.file.is_none()).count() {
            0 => all.push(Self { format: Format::Text, file: None }),
            1 => {}
            _ => {
                return Err("more than one --format goes to stdout".into());
            }
        }
        Ok(all)
    }

    /// Creates the file if needed. Returns this destination and the error if the file cannot be written.
    pub(crate) fn unwritable(&self) -> Option<(&Self, io::Error)> {
        let file = self.file.as_ref()?;
        let opened = fs::OpenOptions::new().create(true).append(true).open(file);
        opened.err().map(|error| (self, error))
    }

    /// Writes the verdict. A closed stdout (`EPIPE`) is not an error.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn write(&self, scenario: &Scenario, rehearsal: &Rehearsal) -> io::Result<()> {
        match &self.file {
            Some(file) => {
                let mut out = anstream::StripStream::new(Vec::new());
                self.render(&mut out, scenario, rehearsal)?;
                fs::write(file, out.into_inner())
            }
            None => {
                let mut out = anstream::stdout().lock();
                let written = self.render(&mut out, scenario, rehearsal).and_then(|()| out.flush());
                match written {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                    written => written,
                }
            }
        }
    }

    fn render(&self, out: &mut dyn Write, scenario: &Scenario, rehearsal: &Rehearsal) -> io::Result<()> {
        match self.format {
            Format::Text => text::write(out, scenario, rehearsal),
            Format::Json => json::write(out, scenario, rehearsal),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display()),
            None => f.write_str("to stdout"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_to_stdout_unless_another_format_does() {
        let complete = |given: &[&str]| {
            Destination::complete(given.iter().filter_map(|text| Destination::parse(text)).collect())
        };
        assert_eq!(complete(&["json=a"]).unwrap().len(), 2);
        assert_eq!(complete(&["json"]).unwrap().len(), 1);
        assert_eq!(complete(&["text", "json=a"]).unwrap().len(), 2);
        assert!(complete(&["text", "json"]).is_err());
        assert_eq!(Destination::parse("json="), None);
        assert_eq!(Destination::parse("xml"), None);
    }
}
