//! Seeded chance: the same seed gives the same moments.

use std::time::Duration;

use super::{Span, StopPlan};

/// The seed of run number `run` (from 0) of a rehearsal.
pub(crate) fn run_seed(seed: u64, run: u32) -> u64 {
    // A multiplier with no pattern keeps neighbouring runs apart.
    seed.wrapping_add(u64::from(run).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// How long after the load's beginning the signal comes.
pub(crate) fn signal_moment(stop: &StopPlan, run_seed: u64) -> Duration {
    let within = Span { least: Duration::ZERO, most: stop.window };
    stop.warmup.saturating_add(within.draw(&mut fastrand::Rng::with_seed(run_seed)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Ended;
    use crate::scenario::{Expected, StopSignal};

    #[test]
    fn the_same_seed_gives_the_same_moments_within_the_window() {
        let stop = StopPlan {
            signal: StopSignal::TERM,
            grace: Duration::from_secs(1),
            expected: vec![Expected(Ended::Code(0))],
            warmup: Duration::from_millis(500),
            window: Duration::from_millis(250),
        };
        let stop = &stop;
        let moments = |seed| (0..20).map(move |run| signal_moment(stop, run_seed(seed, run)));
        assert!(moments(7).eq(moments(7)));
        assert!(moments(7).ne(moments(8)));
        assert!(moments(7).all(|at| at >= stop.warmup && at <= stop.warmup + stop.window));
    }
}
