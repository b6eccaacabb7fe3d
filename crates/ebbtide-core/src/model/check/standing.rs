use std::time::Duration;

use super::Check;

/// The state of a check, computed from the results of its runs. Its rules are C1 to C5 of `docs/spec.md`.
#[derive(Clone, Debug)]
pub struct CheckState {
    check: Check,
    green: bool,
    /// The number of consecutive runs whose result contradicts the present state.
    streak: u32,
    /// The time of the first failure that found the check red in the phase Ready.
    red_since: Option<Duration>,
}

/// The effect of one run on the state of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a change must be published, and a critical check that stayed red must begin the shutdown"]
pub enum Verdict {
    /// The state is unchanged.
    StateUnchanged,
    /// The check turned green.
    TurnedGreen,
    /// The check turned red.
    TurnedRed,
    /// A critical check has been red for its time: the shutdown begins.
    CriticalTimeExceeded {
        /// How long it has been red in the phase Ready.
        red_for: Duration,
    },
}

impl CheckState {
    /// Creates the state of a check that has not run: red (C1).
    pub fn new(check: Check) -> Self {
        Self { check, green: false, streak: 0, red_since: None }
    }

    /// Returns whether the check is green.
    pub fn is_green(&self) -> bool {
        self.green
    }

    /// Records the result of a run that ended at `now`; `ready` is whether the lifecycle is in the phase Ready.
    pub fn judge(&mut self, passed: bool, ready: bool, now: Duration) -> Verdict {
        if passed == self.green {
            self.streak = 0;
            return if passed { Verdict::StateUnchanged } else { self.still_red(ready, now) };
        }
        self.streak = self.streak.saturating_add(1);
        let needed = if passed { self.check.passes } else { self.check.failures };
        if self.streak < needed.get() {
            return Verdict::StateUnchanged;
        }
        (self.green, self.streak, self.red_since) = (passed, 0, None);
        if passed {
            return Verdict::TurnedGreen;
        }
        match self.still_red(ready, now) {
            // Only with a critical time of zero.
            hopeless @ Verdict::CriticalTimeExceeded { .. } => hopeless,
            _ => Verdict::TurnedRed,
        }
    }

    fn still_red(&mut self, ready: bool, now: Duration) -> Verdict {
        if !ready {
            return Verdict::StateUnchanged;
        }
        let red_for = now.saturating_sub(*self.red_since.get_or_insert(now));
        match self.check.critical_after() {
            Some(time) if red_for >= time => Verdict::CriticalTimeExceeded { red_for },
            _ => Verdict::StateUnchanged,
        }
    }
}

#[cfg(test)]
#[cfg(not(ebbtide_loom))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STEP: Duration = Duration::from_secs(1);

    /// Records runs one second apart. Returns the state after each of them, and the run that began the shutdown.
    fn play(check: &Check, ready_at: usize, runs: &[bool]) -> (Vec<bool>, Option<usize>) {
        let mut standing = CheckState::new(check.clone());
        let (mut colours, mut stop) = (Vec::new(), None);
        for (n, passed) in runs.iter().enumerate() {
            let verdict = standing.judge(*passed, n >= ready_at, STEP * u32::try_from(n).unwrap());
            let before = colours.last().copied().unwrap_or(false);
            let turned = before != standing.is_green();
            assert_eq!(turned && !before, verdict == Verdict::TurnedGreen, "{n}");
            if matches!(verdict, Verdict::CriticalTimeExceeded { .. }) {
                stop.get_or_insert(n);
            } else {
                assert_eq!(turned && before, verdict == Verdict::TurnedRed, "{n}");
            }
            colours.push(standing.is_green());
        }
        (colours, stop)
    }

    fn runs() -> impl Strategy<Value = Vec<bool>> {
        prop::collection::vec(prop::bool::weighted(0.5), 1..60)
    }

    /// Returns whether the last `count` runs up to `n` all had this result.
    fn in_a_row(runs: &[bool], n: usize, count: u32, passed: bool) -> bool {
        let count = count as usize;
        n + 1 >= count && runs[n + 1 - count..=n].iter().all(|run| *run == passed)
    }

    proptest! {
        #[test]
        fn c1_a_check_is_red_until_it_has_passed_n_times_in_a_row(runs in runs(), passes in 1..5u32) {
            let (colours, _) = play(&Check::every(STEP).passes(passes), 0, &runs);
            let first = (0..runs.len()).find(|n| in_a_row(&runs, *n, passes, true));
            prop_assert_eq!(colours.iter().position(|green| *green), first);
        }

        #[test]
        fn c2_a_green_check_turns_red_at_the_nth_failure_in_a_row(runs in runs(), failures in 1..5u32) {
            let (colours, _) = play(&Check::every(STEP).failures(failures), 0, &runs);
            for n in 1..runs.len() {
                let turns = colours[n - 1] && !colours[n];
                prop_assert_eq!(turns, colours[n - 1] && in_a_row(&runs, n, failures, false), "{}", n);
            }
        }

        #[test]
        fn c3_a_red_check_turns_green_at_the_nth_pass_in_a_row(runs in runs(), passes in 1..5u32) {
            let (colours, _) = play(&Check::every(STEP).passes(passes).failures(1), 0, &runs);
            for n in 1..runs.len() {
                let turns = !colours[n - 1] && colours[n];
                prop_assert_eq!(turns, !colours[n - 1] && in_a_row(&runs, n, passes, true), "{}", n);
            }
        }

        #[test]
        fn c4_a_critical_check_that_stays_red_begins_the_shutdown(
            runs in runs(), ready_at in 0..20usize, seconds in 0..10usize, failures in 1..4u32,
        ) {
            let check = Check::every(STEP).failures(failures).critical(STEP * u32::try_from(seconds).unwrap());
            let (colours, stop) = play(&check, ready_at, &runs);
            // Computed backwards: the first failure in red whose first predecessor in the same red period is long enough ago.
            let found_red = |n: usize| !runs[n] && !colours[n] && n >= ready_at;
            let since = |n: usize| {
                let last_green = (0..n).rev().find(|m| colours[*m]);
                (last_green.map_or(0, |m| m + 1)..=n).find(|m| found_red(*m))
            };
            let expected = (0..runs.len())
                .find(|n| found_red(*n) && since(*n).is_some_and(|first| n - first >= seconds));
            prop_assert_eq!(stop, expected);
        }

        #[test]
        fn c5_an_advisory_check_never_begins_the_shutdown(runs in runs()) {
            let check = Check::every(STEP).critical(Duration::ZERO).advisory();
            prop_assert_eq!(play(&check, 0, &runs).1, None);
        }
    }
}
