//! The formats of a verdict.

use std::fmt;
use std::io::{self, Write};

use super::judgement::Judgement;
use super::{github, html, json, junit, markdown, text};

/// A format of the verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs: everything that was judged.
    Json,
    /// For CI servers: a test suite with a test case for each check.
    Junit,
    /// For GitHub Actions: workflow commands, which annotate the run.
    Github,
    /// For pull requests and wikis.
    Markdown,
    /// For browsers: a page with a timeline.
    Html,
}

impl Format {
    /// Every format, in the order of the help.
    pub(crate) const ALL: [Self; 6] =
        [Self::Text, Self::Json, Self::Junit, Self::Github, Self::Markdown, Self::Html];

    /// Returns the name in options.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Github => "github",
            Self::Markdown => "markdown",
            Self::Html => "html",
        }
    }

    /// Parses the name of a format.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Returns the names of all formats: `text, json or junit`.
    pub(crate) fn names() -> String {
        let [names @ .., last] = Self::ALL.map(Self::name);
        format!("{} or {last}", names.join(", "))
    }

    /// Writes `judgement` in this format.
    pub(super) fn write(self, out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
        match self {
            Self::Text => text::write(out, judgement),
            Self::Json => json::write(out, judgement),
            Self::Junit => junit::write(out, judgement),
            Self::Github => github::write(out, judgement),
            Self::Markdown => markdown::write(out, judgement),
            Self::Html => html::write(out, judgement),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
