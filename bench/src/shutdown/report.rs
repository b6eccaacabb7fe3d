use std::io::{self, Write};

use serde_json::{Value, json};

use super::Column;
use super::run::{Exit, Stop};
use crate::measure::{Findings, median};
use crate::service::Side;

const MIB: f64 = 1024.0 * 1024.0;

/// Every shutdown of every server.
#[derive(Debug)]
pub(super) struct Report {
    connections: u32,
    pub(super) stops: Vec<(Column, Side, Stop)>,
    pub(super) exits: Vec<(Column, Side, Exit)>,
}

impl Report {
    pub(super) fn new(connections: u32) -> Self {
        Self { connections, stops: Vec::new(), exits: Vec::new() }
    }

    pub(super) fn stops_of(&self, column: Column, side: Side) -> Vec<&Stop> {
        let of = self.stops.iter().filter(|(at, whose, _)| (*at, *whose) == (column, side));
        of.map(|(_, _, stop)| stop).collect()
    }

    /// Returns a line about the latest shutdown of each server in a column.
    pub(super) fn latest(&self, column: Column) -> String {
        let words = Side::ALL.into_iter().filter_map(|side| {
            if column.load().is_some() {
                let stop = *self.stops_of(column, side).last()?;
                let counts = stop.counts;
                return Some(format!(
                    "{} lost {} of {}",
                    side.name(),
                    counts.lost,
                    counts.answered + counts.lost
                ));
            }
            let last = *self.exits_of(column, side).last()?;
            Some(format!("{} {:.1} ms", side.name(), last.took.as_secs_f64() * 1e3))
        });
        words.collect::<Vec<_>>().join(", ")
    }

    fn exits_of(&self, column: Column, side: Side) -> Vec<Exit> {
        let of = self.exits.iter().filter(|(at, whose, _)| (*at, *whose) == (column, side));
        of.map(|(_, _, exit)| *exit).collect()
    }

    fn millis(&self, column: Column, side: Side) -> Option<f64> {
        let all: Vec<_> =
            self.exits_of(column, side).iter().map(|exit| exit.took.as_secs_f64() * 1e3).collect();
        (!all.is_empty()).then(|| median(&all))
    }

    /// The minimum of the CPU time from SIGTERM to the exit.
    fn millis_on_core(&self, column: Column, side: Side) -> Option<f64> {
        let all = self.exits_of(column, side).into_iter().map(|exit| exit.on_core.as_secs_f64() * 1e3);
        all.min_by(f64::total_cmp)
    }

    fn mib(&self, column: Column, side: Side) -> Option<f64> {
        let all: Vec<_> = self.exits_of(column, side).iter().map(|exit| exit.peak as f64 / MIB).collect();
        (!all.is_empty()).then(|| median(&all))
    }

    /// Returns the ratio of Ebbtide's figure to the best peer's.
    fn of_best(figure: impl Fn(Side) -> Option<f64>) -> Option<f64> {
        let peers = Side::ALL.into_iter().filter(|side| *side != Side::Ebbtide);
        let best = peers.filter_map(&figure).min_by(f64::total_cmp)?;
        Some(figure(Side::Ebbtide)? / best)
    }

    /// Returns the ratios that `--check` limits, with their labels.
    fn ratios(&self) -> Vec<(String, f64)> {
        let time = Column::QUIET.map(|column| {
            (format!("time to exit, {}", column.title()), Self::of_best(|side| self.millis(column, side)))
        });
        let on_core = Column::QUIET.map(|column| {
            (
                format!("CPU time to exit, {}", column.title()),
                Self::of_best(|side| self.millis_on_core(column, side)),
            )
        });
        let memory = [Column::Silent, Column::Kept].map(|column| {
            (format!("peak memory, {}", column.title()), Self::of_best(|side| self.mib(column, side)))
        });
        time.into_iter()
            .chain(on_core)
            .chain(memory)
            .filter_map(|(what, ratio)| Some((what, ratio?)))
            .collect()
    }

    fn lost_by_ebbtide(&self) -> u64 {
        let ours = self.stops.iter().filter(|(_, side, _)| *side == Side::Ebbtide);
        ours.map(|(_, _, stop)| stop.counts.noticed() + u64::from(!stop.ended_well) + stop.stranded as u64)
            .sum()
    }

    fn print_losses(&self, out: &mut dyn Write) -> io::Result<()> {
        let columns: Vec<_> = Column::LOADED
            .into_iter()
            .filter(|column| self.stops.iter().any(|stop| stop.0 == *column))
            .collect();
        if columns.is_empty() {
            return Ok(());
        }
        write!(out, "{:<28}", "lost per shutdown, mean (max)")?;
        columns.iter().try_for_each(|column| write!(out, " {:>18}", column.title()))?;
        writeln!(out)?;
        for side in Side::ALL {
            write!(out, "{:<28} ", side.name())?;
            for column in &columns {
                write!(out, " {:>18}", lost(&self.stops_of(*column, side)))?;
            }
            writeln!(out)?;
        }
        let ours = self.stops.iter().filter(|(_, side, _)| *side == Side::Ebbtide);
        let (shutdowns, answered) =
            ours.fold((0, 0), |(stops, answered), (_, _, stop)| (stops + 1, answered + stop.counts.answered));
        writeln!(
            out,
            "ebbtide: {} lost, truncated or unexpected of {answered} requests in {shutdowns} shutdowns\n",
            self.lost_by_ebbtide()
        )
    }

    fn print_quiet(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.exits.is_empty() {
            return Ok(());
        }
        let n = self.connections;
        writeln!(
            out,
            "{:<12} {:>29} {:>29} {:>19}",
            "", "ms to exit (median)", "CPU ms to exit (minimum)", "peak memory, MiB"
        )?;
        let heads = ["idle", "silent", "kept", "idle", "silent", "kept", "silent", "kept"];
        write!(out, "{:<12}", "")?;
        heads.iter().try_for_each(|head| write!(out, " {head:>9}"))?;
        writeln!(out)?;
        for side in Side::ALL {
            let took = Column::QUIET.map(|column| self.millis(column, side));
            let on_core = Column::QUIET.map(|column| self.millis_on_core(column, side));
            let memory = [Column::Silent, Column::Kept].map(|column| self.mib(column, side));
            write!(out, "{:<12}", side.name())?;
            for figure in took.into_iter().chain(on_core).chain(memory) {
                let figure = figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.1}"));
                write!(out, " {figure:>9}")?;
            }
            writeln!(out)?;
        }
        writeln!(out, "silent, kept: {n} connections")?;
        for (what, ratio) in self.ratios() {
            let verdict = if ratio <= 1.0 { "met" } else { "MISSED" };
            writeln!(out, "{what:<28} {ratio:>6.2} of the best peer's figure, limit 1.00: {verdict}")?;
        }
        Ok(())
    }
}

impl Findings for Report {
    fn are_met(&self) -> bool {
        let measured = !self.stops.is_empty() || !self.exits.is_empty();
        measured && self.lost_by_ebbtide() == 0 && self.ratios().iter().all(|(_, ratio)| *ratio <= 1.0)
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        self.print_losses(out)?;
        self.print_quiet(out)
    }

    fn to_json(&self) -> Value {
        let stop = |(column, side, stop): &(Column, Side, Stop)| {
            let counts = stop.counts;
            json!({
                "column": column.title(), "side": side.name(),
                "answered": counts.answered, "lost": counts.lost, "cut": counts.cut, "refused": counts.refused,
                "unsent": counts.unsent, "odd": counts.odd, "stranded": stop.stranded,
                "exit_ms": stop.took.as_secs_f64() * 1e3, "ended_well": stop.ended_well, "words": stop.oddities,
            })
        };
        let exit = |(column, side, exit): &(Column, Side, Exit)| {
            json!({
                "column": column.title(), "side": side.name(),
                "exit_ms": exit.took.as_secs_f64() * 1e3,
                "exit_on_core_ms": exit.on_core.as_secs_f64() * 1e3, "peak_octets": exit.peak,
            })
        };
        let ratio = |(what, ratio): &(String, f64)| json!({ "what": what, "of_best_peer": ratio });
        json!({
            "schema": 1,
            "connections": self.connections,
            "stops": self.stops.iter().map(stop).collect::<Vec<_>>(),
            "exits": self.exits.iter().map(exit).collect::<Vec<_>>(),
            "ratios": self.ratios().iter().map(ratio).collect::<Vec<_>>(),
            "lost_by_ebbtide": self.lost_by_ebbtide(),
            "met": self.are_met(),
        })
    }
}

/// Formats mean, maximum and number of shutdowns, and how many servers were killed.
fn lost(stops: &[&Stop]) -> String {
    let Some(most) = stops.iter().map(|stop| stop.counts.lost).max() else {
        return "-".to_owned();
    };
    let sum: u64 = stops.iter().map(|stop| stop.counts.lost).sum();
    let mean = sum as f64 / stops.len() as f64;
    let late = stops.iter().filter(|stop| !stop.ended_well).count();
    let late = if late == 0 { String::new() } else { format!(" {late} killed") };
    format!("{mean:.1} ({most}) n={}{late}", stops.len())
}
