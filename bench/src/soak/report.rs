use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Counts, Shape};
use crate::conclude::Findings;
use crate::measure::median;
use crate::service::Side;
use crate::shutdown::Stop;

const SHAPES: [Shape; 5] = [Shape::Storm, Shape::KeepAlive, Shape::Slow, Shape::Upload, Shape::Http2];

/// Every stop.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) server: Side,
    pub(super) seed: u64,
    /// How many were asked for, and how many requests.
    pub(super) wanted: (u32, u64),
    pub(super) stops: Vec<Stop>,
    pub(super) took: Duration,
}

impl Report {
    pub(super) fn totals(&self) -> Counts {
        self.stops.iter().fold(Counts::default(), |totals, stop| totals.and(stop.counts))
    }

    fn totals_of(&self, shape: Shape) -> Counts {
        let all = self.stops.iter().flat_map(|stop| &stop.by_shape);
        all.filter(|(of, _)| *of == shape).fold(Counts::default(), |totals, (_, counts)| totals.and(*counts))
    }

    /// Returns what is odd, each with the number of its stop.
    fn anomalies(&self) -> Vec<String> {
        let of = |(index, stop): (usize, &Stop)| {
            let exit = (!stop.ended_well).then(|| "the server did not end well".to_owned());
            let stranded = (stop.stranded > 0).then(|| format!("{} clients were stranded", stop.stranded));
            let words = stop.oddities.iter().cloned().chain(exit).chain(stranded);
            words.map(|word| format!("stop {}: {word}", index + 1)).collect::<Vec<_>>()
        };
        self.stops.iter().enumerate().flat_map(of).collect()
    }

    fn millis(&self) -> Vec<f64> {
        self.stops.iter().map(|stop| stop.took.as_secs_f64() * 1e3).collect()
    }
}

impl Findings for Report {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let heads = ["answered", "lost", "cut", "odd", "refused", "unsent"];
        write!(out, "{:<20}", format!("{} stops of {}", self.stops.len(), self.server.name()))?;
        heads.iter().try_for_each(|head| write!(out, " {head:>10}"))?;
        writeln!(out)?;
        let rows = SHAPES.map(|shape| (shape.title(), self.totals_of(shape)));
        for (title, counts) in rows.into_iter().chain([("all", self.totals())]) {
            let Counts { answered, lost, cut, odd, refused, unsent } = counts;
            write!(out, "{title:<20}")?;
            [answered, lost, cut, odd, refused, unsent]
                .iter()
                .try_for_each(|count| write!(out, " {count:>10}"))?;
            writeln!(out)?;
        }
        let millis = self.millis();
        let worst = millis.iter().copied().fold(0.0, f64::max);
        let (median, all) = (median(&millis), self.took.as_secs_f64());
        writeln!(out, "from SIGTERM to exit: {median:.0} ms, {worst:.0} at worst; {all:.0} s in all")?;
        for anomaly in self.anomalies() {
            writeln!(out, "{anomaly}")?;
        }
        let verdict = if self.are_met() { "met" } else { "MISSED" };
        let (shutdowns, requests) = self.wanted;
        writeln!(
            out,
            "nothing lost in {shutdowns} shutdowns and {requests} requests (seed {}): {verdict}",
            self.seed
        )
    }

    fn to_json(&self) -> Value {
        let totals = self.totals();
        let by_shape =
            SHAPES.map(|shape| json!({ "shape": shape.title(), "answered": self.totals_of(shape).answered }));
        json!({
            "schema": 1,
            "server": self.server.name(),
            "seed": self.seed,
            "shapes": by_shape,
            "shutdowns": self.stops.len(),
            "answered": totals.answered,
            "lost": totals.lost,
            "cut": totals.cut,
            "odd": totals.odd,
            "refused": totals.refused,
            "unsent": totals.unsent,
            "exits_ms": self.millis(),
            "seconds": self.took.as_secs_f64(),
            "anomalies": self.anomalies(),
            "met": self.are_met(),
        })
    }

    fn are_met(&self) -> bool {
        let (shutdowns, requests) = self.wanted;
        self.stops.len() >= shutdowns as usize
            && self.totals().answered >= requests
            && self.totals().noticed() == 0
            && self.anomalies().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(counts: Counts, ended_well: bool) -> Report {
        let took = Duration::from_millis(1);
        let stop = Stop { counts, by_shape: Vec::new(), oddities: Vec::new(), took, ended_well, stranded: 0 };
        Report { server: Side::Ebbtide, seed: 1, wanted: (1, 10), stops: vec![stop], took }
    }

    #[test]
    fn one_lost_request_and_one_bad_exit_are_too_many() {
        let well = Counts { answered: 10, refused: 3, ..Counts::default() };
        assert!(report(well, true).are_met());
        assert!(!report(well, false).are_met());
        assert!(!report(Counts { lost: 1, ..well }, true).are_met());
        assert!(!report(Counts { cut: 1, ..well }, true).are_met());
        assert!(!report(Counts { answered: 9, ..well }, true).are_met());
    }
}
