//! The table of requests by shape: before the signal, and after it.

use std::io::{self, Write};

use ebbtide_rehearse::words;
use ebbtide_rehearse::{Counts, Latency, RehearsalVerdict, Shape};

use super::paint::{DIM, FAIL};

/// The columns for the time before the signal and after it.
const BEFORE: [&str; 2] = ["answered", "failed"];
const AFTER: [&str; 7] = ["answered", "refused", "no accept", "lost", "truncated", "timed out", "wrong"];
const WIDTH: usize = 9;

/// Sums over all runs.
#[derive(Clone, Copy, Default)]
struct Row {
    before: Counts,
    in_flight: u64,
    after: Counts,
}

/// The width of the first column, unless a shape has a longer name.
const LABEL: usize = 10;

/// Writes a line for each shape and one for their sum.
pub(super) fn write(out: &mut dyn Write, rehearsal: &RehearsalVerdict) -> io::Result<()> {
    let before = BEFORE.len() * (WIDTH + 1) - 1;
    let gap = WIDTH + 2;
    let shapes = rehearsal.runs.iter().flat_map(|run| &run.verdict.shapes);
    let label = shapes.map(|seen| seen.shape.name().len()).max().unwrap_or_default().max(LABEL);
    writeln!(out, "{DIM}{:<label$} {:<before$}{:gap$}after it{DIM:#}", "", "before the signal", "")?;
    write!(out, "{DIM}{:<label$}", "requests")?;
    for head in BEFORE.into_iter().chain(["in flight"]).chain(AFTER) {
        write!(out, " {head:>WIDTH$}")?;
    }
    writeln!(out, " {:>9} {:>9} {:>9}{DIM:#}", "p50 ms", "p99 ms", "max ms")?;
    let mut sum = Row::default();
    for shape in Shape::ALL {
        let seen: Vec<_> = rehearsal
            .runs
            .iter()
            .flat_map(|run| run.verdict.shapes.iter().filter(|seen| seen.shape == shape))
            .collect();
        if seen.is_empty() {
            continue;
        }
        let one = seen.iter().fold(Row::default(), |row, seen| Row {
            before: row.before + seen.before,
            in_flight: row.in_flight + seen.in_flight_at_signal,
            after: row.after + seen.after,
        });
        sum = Row {
            before: sum.before + one.before,
            in_flight: sum.in_flight + one.in_flight,
            after: sum.after + one.after,
        };
        // Over runs: the worst of each.
        let [p50, p99, max] = quantiles(Latency::worst(seen.iter().map(|seen| seen.latency_ms)));
        row(out, (shape.name(), label), &one)?;
        writeln!(out, " {p50:>9} {p99:>9} {max:>9}")?;
    }
    row(out, ("all", label), &sum)?;
    writeln!(out)
}

/// The columns p50, p99 and max; dashes if nothing was answered.
pub(super) fn quantiles(latency: Option<Latency>) -> [String; 3] {
    let texts = latency.map(|latency| [latency.p50, latency.p99, latency.max].map(|ms| format!("{ms:.2}")));
    texts.unwrap_or_else(|| ["-"; 3].map(str::to_owned))
}

fn row(out: &mut dyn Write, (name, label): (&str, usize), row: &Row) -> io::Result<()> {
    write!(out, "{name:<label$}")?;
    let Row { before, in_flight, after } = row;
    let cells = [
        (before.answered, false),
        (before.bad(), true),
        (*in_flight, false),
        (after.answered, false),
        (after.refusals(), false),
        (after.connect_timed_out, true),
        (after.lost, true),
        (after.truncated, true),
        (after.timed_out, true),
        (after.wrong, true),
    ];
    for (count, bad) in cells {
        let text = words::count(count);
        if bad && count > 0 {
            write!(out, " {FAIL}{text:>WIDTH$}{FAIL:#}")?;
        } else {
            write!(out, " {text:>WIDTH$}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_was_answered_there_are_dashes_and_not_zeros() {
        assert_eq!(quantiles(None), ["-", "-", "-"]);
        assert_eq!(quantiles(Some(Latency { p50: 0.004, p99: 1.0, max: 2.5 })), ["0.00", "1.00", "2.50"]);
    }
}
