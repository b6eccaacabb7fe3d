//! The formats of a verdict.

use std::io::{self, Write};
use std::path::PathBuf;

use super::destination::Format;
use super::judgement::Judgement;
use super::{github, html, json, junit, markdown, text};

/// A format of the verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum VerdictFormat {
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

impl Format for VerdictFormat {
    type Report<'a> = Judgement<'a>;

    const ALL: &'static [Self] =
        &[Self::Text, Self::Json, Self::Junit, Self::Github, Self::Markdown, Self::Html];

    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Github => "github",
            Self::Markdown => "markdown",
            Self::Html => "html",
        }
    }

    fn goes_with_text(self) -> bool {
        self == Self::Github
    }

    fn write(self, out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
        match self {
            Self::Text => text::write(out, judgement),
            Self::Json => json::write(out, judgement),
            Self::Junit => junit::write(out, judgement),
            Self::Github => github::write(out, judgement),
            Self::Markdown => markdown::write(out, judgement),
            Self::Html => html::write(out, judgement),
        }
    }

    fn beside(self) -> Option<(PathBuf, String)> {
        if self == Self::Github { github::step_summary() } else { None }
    }

    fn write_beside(self, out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
        markdown::write(out, judgement)
    }
}
