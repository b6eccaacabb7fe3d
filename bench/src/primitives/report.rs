use std::io::{self, Write};

use serde_json::{Value, json};

use super::bars::Bar;
use super::operations::{
    BARE_REQUEST, CANCELLED_POLLED, CHILD_TOKEN, COUNTED_REQUEST, Cost, GATE_ENTER, IS_CANCELLED,
    IS_STOPPING, REGISTER, STOP_CLONE, STOPPING_POLLED, TASK_TRACKER_TOKEN, TRACKER_GUARD,
};
use super::waking::{NOTIFY, Waking};

/// Everything one run found.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) costs: Vec<Cost>,
    pub(super) waking: Vec<Waking>,
    pub(super) woken: u32,
    pub(super) bars: Vec<Bar>,
}

impl Report {
    pub(super) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{:<42} {:>10} {:>11} {:>17}",
            "ns an operation", "one thread", "two threads", "peer (one, two)"
        )?;
        for cost in &self.costs {
            let ratio = self.peer_of(cost.what).map_or_else(String::new, |peer| {
                let (one, two) = (cost.one_thread / peer.one_thread, cost.two_threads / peer.two_threads);
                format!("{one:>8.2} {two:>8.2}")
            });
            writeln!(
                out,
                "{:<42} {:>10.1} {:>11.1} {ratio:>17}",
                cost.what, cost.one_thread, cost.two_threads
            )?;
        }
        if !self.waking.is_empty() {
            let head = format!("ms to wake {} tasks", self.woken);
            writeln!(out, "\n{head:<42} {:>10} {:>11} {:>17}", "trigger", "last ended", "of Notify's last")?;
        }
        for waking in &self.waking {
            let ratio = waking.last / self.notify();
            writeln!(
                out,
                "{:<42} {:>10.1} {:>11.1} {ratio:>17.2}",
                waking.what, waking.triggered, waking.last
            )?;
        }
        writeln!(out)?;
        for bar in &self.bars {
            let verdict = if bar.is_met() { "met" } else { "MISSED" };
            writeln!(out, "{:<42} {:>10.2} at most {:.2}: {verdict}", bar.what, bar.ratio, bar.at_most)?;
        }
        Ok(())
    }

    pub(super) fn to_json(&self) -> Value {
        let cost = |cost: &Cost| json!({ "what": cost.what, "one_thread_ns": cost.one_thread, "two_threads_ns": cost.two_threads });
        let waking = |waking: &Waking| json!({ "what": waking.what, "trigger_ms": waking.triggered, "last_ms": waking.last });
        let bar = |bar: &Bar| json!({ "what": bar.what, "ratio": bar.ratio, "at_most": bar.at_most, "met": bar.is_met() });
        json!({
            "schema": 1,
            "costs": self.costs.iter().map(cost).collect::<Vec<_>>(),
            "woken": self.woken,
            "waking": self.waking.iter().map(waking).collect::<Vec<_>>(),
            "bars": self.bars.iter().map(bar).collect::<Vec<_>>(),
        })
    }

    fn peer_of(&self, what: &str) -> Option<&Cost> {
        let peer = match what {
            TRACKER_GUARD | GATE_ENTER | REGISTER => TASK_TRACKER_TOKEN,
            COUNTED_REQUEST => BARE_REQUEST,
            IS_STOPPING => IS_CANCELLED,
            STOPPING_POLLED => CANCELLED_POLLED,
            STOP_CLONE => CHILD_TOKEN,
            _ => return None,
        };
        self.costs.iter().find(|cost| cost.what == peer)
    }

    fn notify(&self) -> f64 {
        self.waking.iter().find(|waking| waking.what == NOTIFY).map_or(f64::NAN, |waking| waking.last)
    }
}
