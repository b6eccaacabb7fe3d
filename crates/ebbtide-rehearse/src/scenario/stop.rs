//! How the service is stopped, when the signal is sent, and which exits are expected.

use std::time::Duration;

use super::signal::number_of;
use super::{PreStop, SecondSignal, Span, StopAt, StopSignal};
use crate::record::Ended;

/// The stop signal, its time, what precedes and follows it, the grace period and the expected exits.
#[derive(Clone, Debug)]
pub struct StopPlan {
    /// The signal that asks the service to stop. Default: SIGTERM.
    pub signal: StopSignal,
    /// The time from the beginning of the stop to SIGKILL, which the rehearsal sends as a platform does. The stop begins with
    /// `pre_stop` if there is one, and otherwise with the signal. After `pre_stop` at least 2 s remain from the signal on, as the kubelet
    /// grants. Default: 30 s.
    pub grace: Duration,
    /// The exits that are not a failure. Default: exit code 0.
    pub expected: Vec<Expected>,
    /// The minimum duration of the load before the signal. Default: 1 s.
    pub warmup: Duration,
    /// The signal is sent at a random time in this window after the warm-up. Default: 500 ms.
    pub window: Duration,
    /// The state of the service in which the stop begins. Default: under load.
    pub at: StopAt,
    /// What runs before the signal. Default: nothing.
    pub pre_stop: Option<PreStop>,
    /// Whether the grace period begins with the signal, and not with what runs before it, as on Kubernetes. Default: no.
    pub grace_after_pre_stop: bool,
    /// How long after the beginning of the stop a platform may still route new connections to the service: a connection that is refused
    /// earlier is a loss. Clients open connections for this time, also when the process has exited, and none later. Zero: they open
    /// connections until the exit, and no refusal is a loss, which is the default.
    pub min_lame_duck: Duration,
    /// A second signal. Default: none.
    pub then: Option<SecondSignal>,
    /// Whether every process of the service gets the signals, and not its first one alone. Default: no.
    pub to_all: bool,
    /// Whether the platform runs the service in a container, where the end of the first process ends every other one. What a child process
    /// serves after it is then no evidence, unless the run has it so ([`Scenario::pid_one`](crate::Scenario::pid_one)). Default: no.
    pub in_container: bool,
}

/// An expected exit of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected(pub Ended);

impl Expected {
    /// Parses `0` (an exit code, 0 to 255) or `signal:TERM`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("signal:") {
            return number_of(name).map(|signal| Self(Ended::Signal(signal)));
        }
        text.parse::<u8>().ok().map(|code| Self(Ended::Code(i32::from(code))))
    }
}

/// Returns the seed of run number `run` (from 0) of a rehearsal: the same seed gives the same times.
pub(crate) fn run_seed(seed: u64, run: u32) -> u64 {
    // A multiplier with no pattern keeps neighbouring runs apart.
    seed.wrapping_add(u64::from(run).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// Returns the time from the start of the load to the beginning of the stop; for a stop during start-up, that from the start of the
/// process.
pub(crate) fn stop_moment(stop: &StopPlan, at: StopAt, run_seed: u64) -> Duration {
    let within = Span { least: Duration::ZERO, most: stop.window };
    let warmup = if at == StopAt::Startup { Duration::ZERO } else { stop.warmup };
    warmup.saturating_add(within.draw(&mut fastrand::Rng::with_seed(run_seed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expected_exit_is_a_code_or_a_signal() {
        assert_eq!(Expected::parse("3"), Some(Expected(Ended::Code(3))));
        assert_eq!(Expected::parse("signal:TERM"), Some(Expected(Ended::Signal(15))));
        for (text, number) in [("PIPE", 13), ("sigsegv", 11), ("34", 34), ("KILL", 9), ("RTMIN+3", 37)] {
            assert_eq!(Expected::parse(&format!("signal:{text}")), Some(Expected(Ended::Signal(number))));
        }
        for wrong in ["256", "signal:signal 11", "signal:65", "signal:0", "signal:"] {
            assert_eq!(Expected::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_signal_times_within_the_window() {
        let stop = StopPlan {
            warmup: Duration::from_millis(500),
            window: Duration::from_millis(250),
            ..StopPlan::default()
        };
        let stop = &stop;
        let moments = |seed| (0..20).map(move |run| stop_moment(stop, StopAt::Load, run_seed(seed, run)));
        assert!(moments(7).eq(moments(7)));
        assert!(moments(7).ne(moments(8)));
        assert!(moments(7).all(|at| at >= stop.warmup && at <= stop.warmup + stop.window));
    }
}
