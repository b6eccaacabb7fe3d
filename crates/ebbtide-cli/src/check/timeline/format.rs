//! The formats of the timelines.

use std::io::{self, Write};

use ebbtide_check::Timelines;

use super::{page, picture, text};
use crate::output::{Format, permitted};

/// A format of the timelines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TimelineFormat {
    /// For people.
    Text,
    /// For documents: one picture.
    Svg,
    /// For browsers: a page with the pictures and the arithmetic.
    Html,
}

impl Format for TimelineFormat {
    type Report<'a> = Timelines;

    const ALL: &'static [Self] = &[Self::Text, Self::Svg, Self::Html];

    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Svg => "svg",
            Self::Html => "html",
        }
    }

    fn goes_with_text(self) -> bool {
        false
    }

    fn write(self, out: &mut dyn Write, timelines: &Timelines) -> io::Result<()> {
        match self {
            Self::Text => text::write(out, timelines),
            Self::Svg => writeln!(out, "{}", permitted(&picture::all(timelines).into_string())),
            Self::Html => writeln!(out, "{}", page::page(timelines).into_string()),
        }
    }
}
