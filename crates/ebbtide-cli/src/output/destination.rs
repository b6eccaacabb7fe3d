//! The destinations of a report: a format each, and a file or stdout.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{self, Path, PathBuf};

use super::stderr::complain;
use super::whole_file::WholeFile;
use crate::exit::Ending;

/// A format of a report.
pub(crate) trait Format: Copy + Eq + Send + Sync + 'static {
    /// What is written.
    type Report<'a>;

    /// Every format, in the order of the help. The first one is text for people.
    const ALL: &'static [Self];

    /// Returns the name in options.
    fn name(self) -> &'static str;

    /// Returns whether it may go to stdout together with text, as workflow commands do.
    fn goes_with_text(self) -> bool;

    /// Writes `report` in this format. A destination removes colours where they are unwanted.
    ///
    /// # Errors
    ///
    /// `out` cannot be written.
    fn write(self, out: &mut dyn Write, report: &Self::Report<'_>) -> io::Result<()>;

    /// Returns the file that belongs to the format beside its destination, with its name in messages: such as the summary of a CI job's
    /// step, to which it is appended.
    fn beside(self) -> Option<(PathBuf, String)> {
        None
    }

    /// Writes what is appended to that file.
    ///
    /// # Errors
    ///
    /// `out` cannot be written.
    fn write_beside(self, _out: &mut dyn Write, _report: &Self::Report<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// A format, and a file or stdout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Destination<F> {
    format: F,
    file: Option<PathBuf>,
}

impl<F: Format> Destination<F> {
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
        match (F::ALL.iter().find(|format| format.name() == name), file) {
            (None, _) => Err(format!("invalid format `{name}`: expected {}", names::<F>())),
            (Some(_), Some("")) => Err(format!("invalid format `{text}`: no file after `=`")),
            (Some(format), file) => Ok(Self { format: *format, file: file.map(PathBuf::from) }),
        }
    }

    /// Returns the format.
    pub(crate) fn format(&self) -> F {
        self.format
    }

    /// Returns whether the report is written to the file at `path`.
    pub(crate) fn goes_to(&self, path: &Path) -> bool {
        self.file.as_deref().and_then(place).is_some_and(|file| Some(file) == place(path))
    }

    /// Adds text on stdout when no format goes there that replaces it. Workflow commands may be mixed with text.
    ///
    /// # Errors
    ///
    /// More than one of them would write to stdout.
    fn complete(mut all: Vec<Self>) -> Result<Vec<Self>, String> {
        let text = F::ALL.first();
        let on_stdout = all.iter().filter(|destination| destination.file.is_none());
        let (commands, others): (Vec<_>, Vec<_>) =
            on_stdout.map(Self::format).partition(|format| format.goes_with_text());
        match (others.as_slice(), commands.len()) {
            ([], 0 | 1) => {
                if let Some(format) = text {
                    all.insert(0, Self { format: *format, file: None });
                }
            }
            ([_], 0) => {}
            ([format], 1) if Some(format) == text => {}
            _ => return Err("more than one --format goes to stdout".into()),
        }
        Ok(all)
    }

    /// Returns the name of its file, or of the one beside it, and the error if it cannot be written. Changes nothing.
    fn unwritable(&self) -> Option<(String, io::Error)> {
        let file = self.file.clone().map(|file| (file, self.to_string()));
        let files = file.into_iter().chain(self.format.beside());
        let unwritable = |(file, name): (PathBuf, String)| Some((name, WholeFile::create(&file).err()?));
        files.filter_map(unwritable).next()
    }

    /// Writes the report, and what belongs to its format beside it. Returns the names of the files that cannot be written, with the
    /// reasons.
    fn write_whole(&self, report: &F::Report<'_>) -> Vec<(String, io::Error)> {
        let written = self.write(report).map_err(|error| (self.to_string(), error));
        let beside = self.format.beside().map_or(Ok(()), |(file, name)| {
            let mut out = Vec::new();
            let appended = self
                .format
                .write_beside(&mut out, report)
                .and_then(|()| OpenOptions::new().create(true).append(true).open(file)?.write_all(&out));
            appended.map_err(|error| (name, error))
        });
        [written, beside].into_iter().filter_map(Result::err).collect()
    }

    /// Writes the report. A closed stdout (`EPIPE`) is not an error.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    fn write(&self, report: &F::Report<'_>) -> io::Result<()> {
        match &self.file {
            Some(file) => {
                let mut out = anstream::StripStream::new(Vec::new());
                self.format.write(&mut out, report)?;
                let mut file = WholeFile::create(file)?;
                file.write_all(&out.into_inner())?;
                file.keep()?;
            }
            None => {
                let mut out = anstream::stdout().lock();
                match self.format.write(&mut out, report).and_then(|()| out.flush()) {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                    written => written?,
                }
            }
        }
        Ok(())
    }
}

/// Writes `report` to each destination, and prints which of them cannot be written. Returns whether all were.
pub(crate) fn write_all<F: Format>(destinations: &[Destination<F>], report: &F::Report<'_>) -> bool {
    let mut all = true;
    for (name, error) in destinations.iter().flat_map(|destination| destination.write_whole(report)) {
        complain(&format!("cannot write {name}: {error}"), None);
        all = false;
    }
    all
}

/// Returns where a report goes, with text on stdout if no format goes there; each file can be written.
///
/// # Errors
///
/// The formats cannot be written so. The reason was printed.
pub(crate) fn destinations<F: Format>(given: Vec<Destination<F>>) -> Result<Vec<Destination<F>>, Ending> {
    let all = Destination::complete(given).map_err(|why| {
        complain(&why, Some("write all but one to a file: --format json=FILE"));
        Ending::Usage
    })?;
    writable(all)
}

/// Returns where a report goes if stdout has something else, `stdout`; each file can be written.
///
/// # Errors
///
/// A format goes to stdout, or a file cannot be written. The reason was printed.
pub(crate) fn destinations_beside<F: Format>(
    stdout: &str,
    given: Vec<Destination<F>>,
) -> Result<Vec<Destination<F>>, Ending> {
    if given.iter().any(|destination| destination.file.is_none()) {
        complain(
            &format!("--format goes to stdout, which has {stdout}"),
            Some("write the report to a file: --format json=FILE"),
        );
        return Err(Ending::Usage);
    }
    writable(given)
}

/// What to do about a file that cannot be written.
pub(crate) const UNWRITABLE: &str = "the folder of the file has to exist and permit new files";

fn writable<F: Format>(all: Vec<Destination<F>>) -> Result<Vec<Destination<F>>, Ending> {
    if let Some(twice) = written_twice(&all) {
        complain(&format!("more than one --format goes to {twice}"), Some("write each to a file of its own"));
        return Err(Ending::Usage);
    }
    match all.iter().find_map(Destination::unwritable) {
        Some((name, error)) => {
            complain(&format!("cannot write {name}: {error}"), Some(UNWRITABLE));
            Err(Ending::Usage)
        }
        None => Ok(all),
    }
}

/// Returns the file at `path` by a name that is the same for every path to it. A device or a pipe, which takes the output of several, has none.
fn place(path: &Path) -> Option<PathBuf> {
    let file = fs::canonicalize(path).or_else(|_| path::absolute(path)).ok()?;
    (!file.exists() || file.is_file()).then_some(file)
}

/// Returns the file that two formats would be written to: the later one would replace the other.
fn written_twice<F: Format>(all: &[Destination<F>]) -> Option<&Destination<F>> {
    let mut seen = Vec::new();
    all.iter().find(|destination| {
        let Some(file) = destination.file.as_deref().and_then(place) else {
            return false;
        };
        let is_known = seen.contains(&file);
        seen.push(file);
        is_known
    })
}

impl<F> fmt::Display for Destination<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display()),
            None => f.write_str("to stdout"),
        }
    }
}

/// Returns the names of all formats: `text, json or junit`.
fn names<F: Format>() -> String {
    match F::ALL {
        [] => String::new(),
        [only] => only.name().to_owned(),
        [names @ .., last] => {
            let names: Vec<&str> = names.iter().map(|format| format.name()).collect();
            format!("{} or {}", names.join(", "), last.name())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::VerdictFormat;

    fn complete(given: &[&str]) -> Result<Vec<String>, String> {
        let given = given.iter().map(|text| Destination::<VerdictFormat>::parse(text).unwrap()).collect();
        let all = Destination::complete(given)?;
        Ok(all.iter().map(|destination| format!("{} {destination}", destination.format.name())).collect())
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
    fn two_formats_do_not_share_a_file() {
        let twice = |given: &[&str]| {
            let all: Vec<_> =
                given.iter().map(|text| Destination::<VerdictFormat>::parse(text).unwrap()).collect();
            written_twice(&all).map(ToString::to_string)
        };
        assert_eq!(twice(&["json=a", "junit=./a"]).as_deref(), Some("./a"));
        assert_eq!(twice(&["json=a", "junit=b", "text", "github"]), None);
        // A device takes both.
        assert_eq!(twice(&["json=/dev/null", "junit=/dev/null"]), None);
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
        let parse = Destination::<VerdictFormat>::parse;
        for format in VerdictFormat::ALL {
            let name = format.name();
            assert!(parse(name).is_ok());
            assert_eq!(parse(&format!("{name}=a=b")).unwrap().to_string(), "a=b");
        }
        assert_eq!(
            parse("xml=a").unwrap_err(),
            "invalid format `xml`: expected text, json, junit, github, markdown or html"
        );
        assert_eq!(parse("json=").unwrap_err(), "invalid format `json=`: no file after `=`");
    }
}
