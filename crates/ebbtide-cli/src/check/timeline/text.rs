//! The timelines as text. It is readable without colours.

use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;
use ebbtide_check::{SpanKind, Timeline, TimelineRow, Timelines};

use super::axis::{Axis, show};
use crate::output::{BOLD, DIM, FAIL, PASS, WARN};

/// The width of the axis.
const WIDTH: usize = 64;

/// The most of a name that is shown.
const NAME: usize = 24;

const SIGNAL: char = 'S';
const KILL: char = 'K';
const LATE: char = '!';

/// Writes each timeline and the legend.
pub(super) fn write(out: &mut dyn Write, timelines: &Timelines) -> io::Result<()> {
    if timelines.all.is_empty() {
        return writeln!(out, "no workload");
    }
    for timeline in &timelines.all {
        let line = timelines.sources.position(timeline.place).line;
        let path = timelines.sources.name(timeline.place);
        writeln!(out, "{BOLD}{}{BOLD:#}  {DIM}{path}:{line}{DIM:#}", timeline.subject)?;
        draw(out, timeline)?;
        writeln!(out)?;
    }
    write!(out, "{SIGNAL} signal  {KILL} SIGKILL  {FAIL}{LATE} after SIGKILL{FAIL:#}")?;
    for kind in SpanKind::ALL {
        write!(out, "  {} {}", sign(kind), kind.name())?;
    }
    writeln!(out)
}

fn draw(out: &mut dyn Write, timeline: &Timeline) -> io::Result<()> {
    let axis = Axis::to(timeline.end());
    let names: Vec<String> = timeline.rows.iter().map(|row| row.name.chars().take(NAME).collect()).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    for (row, name) in timeline.rows.iter().zip(&names) {
        write!(out, "  {name:<width$}  ")?;
        let cells = cells(row, axis);
        let end =
            cells.iter().rposition(|(letter, _)| *letter != ' ').map_or(0, |last| last.saturating_add(1));
        for (letter, style) in cells.into_iter().take(end) {
            write!(out, "{style}{letter}{style:#}")?;
        }
        writeln!(out)?;
    }
    writeln!(out, "  {:<width$}  {DIM}{}{DIM:#}", "", scale(axis))?;
    for (row, name) in timeline.rows.iter().zip(&names) {
        let Some(remark) = remark(row) else { continue };
        let style = if row.overrun().is_some() { FAIL } else { Style::new() };
        writeln!(out, "  {name:<width$}  {style}{remark}{style:#}")?;
    }
    Ok(())
}

/// Returns the arithmetic of a row, and how much earlier SIGKILL comes.
pub(crate) fn remark(row: &TimelineRow) -> Option<String> {
    let late = row.overrun().map(|late| format!("SIGKILL comes {} too early", show(late)));
    match (row.arithmetic.clone(), late) {
        (Some(sum), Some(late)) => Some(format!("{sum}: {late}")),
        (None, None) if row.is_unlimited => Some("no limit: SIGKILL never comes".to_owned()),
        (None, None) if row.kill == Some(Duration::ZERO) => {
            Some("SIGKILL comes at once: there is no time to stop".to_owned())
        }
        (sum, late) => sum.or(late),
    }
}

/// Returns the letters of a row. The last of what is at one place wins: SIGKILL, then the signal, then the parts.
fn cells(row: &TimelineRow, axis: Axis) -> Vec<(char, Style)> {
    let mut cells = vec![(' ', Style::new()); WIDTH];
    let kill = row.kill.map(|kill| column(axis.part(kill)));
    for span in &row.spans {
        let start = column(axis.part(span.start));
        let end = column(axis.part(span.end)).max(start.saturating_add(1)).min(WIDTH);
        for (at, cell) in cells.iter_mut().enumerate().take(end).skip(start) {
            let is_late = row.overrun().is_some() && kill.is_some_and(|kill| at >= kill);
            *cell = if is_late { (LATE, FAIL) } else { (sign(span.kind), style(span.kind)) };
        }
    }
    for (at, letter, style) in
        [(row.signal.map(|time| column(axis.part(time))), SIGNAL, BOLD), (kill, KILL, FAIL)]
    {
        if let Some(cell) = at.and_then(|at| cells.get_mut(at)) {
            *cell = (letter, style);
        }
    }
    cells
}

/// Returns the times of the marks, each at its place.
fn scale(axis: Axis) -> String {
    let mut line = String::new();
    for mark in axis.marks() {
        let at = column(axis.part(mark));
        if line.is_empty() || line.chars().count() < at {
            line = format!("{line:<at$}{}", show(mark));
        }
    }
    line
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a part from 0 to 1 of a small number"
)]
fn column(part: f64) -> usize {
    (part * (WIDTH.saturating_sub(1)) as f64).round() as usize
}

fn sign(kind: SpanKind) -> char {
    match kind {
        SpanKind::PreStop => '-',
        SpanKind::LameDuck => '~',
        SpanKind::Drain => '=',
        SpanKind::Margin => '.',
        SpanKind::Unknown => '?',
        SpanKind::Traffic => '>',
        SpanKind::Deregistration => ':',
    }
}

fn style(kind: SpanKind) -> Style {
    match kind {
        SpanKind::PreStop | SpanKind::Traffic | SpanKind::Deregistration => WARN,
        SpanKind::LameDuck | SpanKind::Drain => PASS,
        SpanKind::Margin | SpanKind::Unknown => DIM,
    }
}
