//! The table of requests by shape.

use std::io::{self, Write};

use super::paint::{DIM, FAIL};
use crate::rehearse::{Counts, Latency, Rehearsal, Shape};
use crate::words;

const HEADS: [&str; 8] =
    ["sent", "answered", "after signal", "refused", "lost", "truncated", "timed out", "bad status"];

/// Writes a line for each shape and one for their sum.
pub(super) fn write(out: &mut dyn Write, rehearsal: &Rehearsal) -> io::Result<()> {
    write!(out, "{DIM}{:<10}", "requests")?;
    for head in HEADS {
        write!(out, " {:>width$}", head, width = width(head))?;
    }
    writeln!(out, " {:>9} {:>9} {:>9}{DIM:#}", "p50 ms", "p99 ms", "max ms")?;
    for shape in Shape::ALL {
        let seen: Vec<_> = rehearsal
            .runs
            .iter()
            .flat_map(|run| run.verdict.shapes.iter().filter(|seen| seen.shape == shape))
            .collect();
        if seen.is_empty() {
            continue;
        }
        let sum = seen.iter().map(|seen| seen.requests).fold(Counts::default(), |sum, one| sum + one);
        // Over runs: the worst of each.
        let worst = seen.iter().map(|seen| seen.latency_ms).fold(Latency::default(), |worst, one| Latency {
            p50: worst.p50.max(one.p50),
            p99: worst.p99.max(one.p99),
            max: worst.max.max(one.max),
        });
        row(out, shape.name(), &sum)?;
        writeln!(out, " {:>9.2} {:>9.2} {:>9.2}", worst.p50, worst.p99, worst.max)?;
    }
    row(out, "all", &rehearsal.requests)?;
    writeln!(out)
}

fn row(out: &mut dyn Write, name: &str, counts: &Counts) -> io::Result<()> {
    write!(out, "{name:<10}")?;
    let cells = [
        (counts.sent, false),
        (counts.answered, false),
        (counts.answered_after_signal, false),
        (counts.refused, false),
        (counts.lost, true),
        (counts.truncated, true),
        (counts.timed_out, true),
        (counts.bad_status, true),
    ];
    for ((count, bad), head) in cells.into_iter().zip(HEADS) {
        let text = words::count(count);
        let width = width(head);
        if bad && count > 0 {
            write!(out, " {FAIL}{text:>width$}{FAIL:#}")?;
        } else {
            write!(out, " {text:>width$}")?;
        }
    }
    Ok(())
}

fn width(head: &str) -> usize {
    head.len().max(9)
}
