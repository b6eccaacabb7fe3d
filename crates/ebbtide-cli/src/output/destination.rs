//! The destinations of a verdict: a format each, and a file or stdout.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use super::format::Format;
use super::github;
use super::judgement::Judgement;
use super::stderr::complain;
use crate::exit::Ending;

/// A format, and a file or stdout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Destination {
    format: Format,
    file: Option<PathBuf>,
}

impl Destination {
    /// Parses `FORMAT` or `FORMAT=FILE`.
    ///
    /// # Errors
    ///
    /// The format is not known, or the name of the file is empty.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, file) = match text.split_once('=') {
            Some((format, file)) => (format, Some(file)),
            None => (text, None),
        };
        match (Format::parse(name), file) {
            (None, _) => Err(format!("invalid format `{name}`: expected {}", Format::names())),
            (Some(_), Some("")) => Err(format!("invalid format `{text}`: no file after `=`")),
            (Some(format), file) => Ok(Self { format, file: file.map(PathBuf::from) }),
        }
    }

    /// Adds text on stdout when no format goes there that replaces it. Workflow commands may be mixed with text.
    ///
    /// # Errors
    ///
    /// More than one of them would write to stdout.
    fn complete(mut all: Vec<Self>) -> Result<Vec<Self>, String> {
        let on_stdout = all.iter().filter(|destination| destination.file.is_none());
        let (commands, others): (Vec<_>, Vec<_>) =
            on_stdout.map(|destination| destination.format).partition(|format| *format == Format::Github);
        match (others.as_slice(), commands.len()) {
            ([], 0 | 1) => all.insert(0, Self { format: Format::Text, file: None }),
            ([_], 0) | ([Format::Text], 1) => {}
            _ => return Err("more than one --format goes to stdout".into()),
        }
        Ok(all)
    }

    /// Returns whether the verdict is drawn, which takes the record of each run.
    pub(crate) fn has_pictures(&self) -> bool {
        self.format == Format::Html
    }

    /// Creates the file if needed. Returns this destination and the error if the file cannot be written.
    fn unwritable(&self) -> Option<(&Self, io::Error)> {
        let file = self.file.as_ref()?;
        let opened = fs::OpenOptions::new().create(true).append(true).open(file);
        opened.err().map(|error| (self, error))
    }

    /// Writes the verdict. A closed stdout (`EPIPE`) is not an error.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the step summary of GitHub Actions.
    pub(crate) fn write(&self, judgement: &Judgement<'_>) -> io::Result<()> {
        match &self.file {
            Some(file) => {
                let mut out = anstream::StripStream::new(Vec::new());
                self.format.write(&mut out, judgement)?;
                fs::write(file, out.into_inner())?;
            }
            None => {
                let mut out = anstream::stdout().lock();
                match self.format.write(&mut out, judgement).and_then(|()| out.flush()) {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                    written => written?,
                }
            }
        }
        if self.format == Format::Github { github::add_to_step_summary(judgement) } else { Ok(()) }
    }
}

/// Returns where the verdict goes, with text on stdout if no format goes there; each file can be written.
///
/// # Errors
///
/// The formats cannot be written so. The reason was printed.
pub(crate) fn destinations(given: Vec<Destination>) -> Result<Vec<Destination>, Ending> {
    let all = Destination::complete(given).map_err(|why| {
        complain(&why, Some("write all but one to a file: --format json=FILE"));
        Ending::Usage
    })?;
    match all.iter().find_map(Destination::unwritable) {
        Some((destination, error)) => {
            complain(&format!("cannot write {destination}: {error}"), None);
            Err(Ending::Usage)
        }
        None => Ok(all),
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

    fn complete(given: &[&str]) -> Result<Vec<String>, String> {
        let given = given.iter().map(|text| Destination::parse(text).unwrap()).collect();
        let all = Destination::complete(given)?;
        Ok(all.iter().map(|destination| format!("{} {destination}", destination.format)).collect())
    }

    #[test]
    fn text_goes_to_stdout_unless_another_format_does() {
        assert_eq!(complete(&[]).unwrap(), ["text to stdout"]);
        assert_eq!(complete(&["json=a"]).unwrap(), ["text to stdout", "json a"]);
        assert_eq!(complete(&["json"]).unwrap(), ["json to stdout"]);
        assert_eq!(complete(&["text", "json=a"]).unwrap(), ["text to stdout", "json a"]);
        assert!(complete(&["text", "json"]).is_err());
        assert!(complete(&["text", "text"]).is_err());
    }

    #[test]
    fn workflow_commands_accompany_text_on_stdout_and_nothing_else() {
        assert_eq!(complete(&["github"]).unwrap(), ["text to stdout", "github to stdout"]);
        assert_eq!(complete(&["text", "github", "junit=a"]).unwrap().len(), 3);
        assert!(complete(&["json", "github"]).is_err());
        assert!(complete(&["github", "github"]).is_err());
        assert_eq!(complete(&["json", "github=a"]).unwrap().len(), 2);
    }

    #[test]
    fn each_format_is_parsed_and_others_are_refused() {
        for format in Format::ALL {
            assert!(Destination::parse(format.name()).is_ok());
            assert_eq!(Destination::parse(&format!("{format}=a=b")).unwrap().to_string(), "a=b");
        }
        assert_eq!(
            Destination::parse("xml=a").unwrap_err(),
            format!("invalid format `xml`: expected {}", Format::names())
        );
        assert_eq!(Destination::parse("json=").unwrap_err(), "invalid format `json=`: no file after `=`");
    }
}
