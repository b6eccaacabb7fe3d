//! Where a report goes, and in which format.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use ebbtide_check::Report;
use ebbtide_check::render::{self, Look};

/// A format, and a file or stdout.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    format: Format,
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Text,
    Json,
    Sarif,
    Junit,
    Github,
    Gitlab,
}

/// Parses `FORMAT` or `FORMAT=FILE`.
pub(super) fn destination(text: &str) -> Result<Destination, String> {
    let (name, file) = match text.split_once('=') {
        Some((_, "")) => return Err("file name missing after `=`".to_owned()),
        Some((name, file)) => (name, Some(PathBuf::from(file))),
        None => (text, None),
    };
    let format = match name {
        "text" => Format::Text,
        "json" => Format::Json,
        "sarif" => Format::Sarif,
        "junit" => Format::Junit,
        "github" => Format::Github,
        "gitlab" => Format::Gitlab,
        _ => return Err("expected text, json, sarif, junit, github or gitlab, or FORMAT=FILE".to_owned()),
    };
    Ok(Destination { format, file })
}

impl Destination {
    /// Text on stdout.
    pub(super) fn text() -> Self {
        Self { format: Format::Text, file: None }
    }

    pub(super) fn is_stdout(&self) -> bool {
        self.file.is_none()
    }

    /// Writes a report.
    ///
    /// # Errors
    ///
    /// Returns a message if the file or stdout cannot be written. A closed pipe is not an error.
    pub(super) fn write(&self, report: &Report, look: Look) -> Result<(), String> {
        let text = match self.format {
            Format::Text if self.file.is_some() => render::text(report, Look { is_coloured: false, ..look }),
            Format::Text => render::text(report, look),
            Format::Json => format!("{}\n", render::json(report)),
            Format::Sarif => format!("{}\n", render::sarif(report)),
            Format::Junit => render::junit(report, look.least),
            Format::Github => render::github(report, look.least),
            Format::Gitlab => format!("{}\n", render::gitlab(report, look.least)),
        };
        match &self.file {
            Some(file) => {
                fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
            }
            None => print(&text).map_err(|error| format!("cannot write to stdout: {error}")),
        }
    }
}

/// Writes to stdout, without colours where they are unwanted.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
