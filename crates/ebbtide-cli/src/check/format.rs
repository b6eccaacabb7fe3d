//! The formats of a report of `check`.

use std::io::{self, Write};

use ebbtide_check::Report;
use ebbtide_check::render::{self, Look};

use super::junit;
use crate::output::Format;

/// A report, and how it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    pub(super) report: &'a Report,
    pub(super) look: Look,
}

/// A format of the findings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FindingsFormat {
    /// For people.
    Text,
    /// For programs: everything that was found.
    Json,
    /// For code scanning.
    Sarif,
    /// For CI servers: a test case for each finding.
    Junit,
    /// For GitHub Actions: workflow commands, which annotate the changed lines.
    Github,
    /// For GitLab's Code Quality.
    Gitlab,
}

impl Format for FindingsFormat {
    type Report<'a> = Shown<'a>;

    const ALL: &'static [Self] =
        &[Self::Text, Self::Json, Self::Sarif, Self::Junit, Self::Github, Self::Gitlab];

    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
        }
    }

    fn goes_with_text(self) -> bool {
        self == Self::Github
    }

    fn write(self, out: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()> {
        let Shown { report, look } = *shown;
        match self {
            Self::Text => out.write_all(render::text(report, look).as_bytes()),
            Self::Json => writeln!(out, "{}", render::json(report)),
            Self::Sarif => writeln!(out, "{}", render::sarif(report)),
            Self::Junit => junit::write(out, report, look.least),
            Self::Github => out.write_all(render::github(report, look.least).as_bytes()),
            Self::Gitlab => writeln!(out, "{}", render::gitlab(report, look.least)),
        }
    }
}
