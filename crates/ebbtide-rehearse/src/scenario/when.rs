//! What precedes the stop signal, in which state of the service it comes, and what may follow it.

use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::StopSignal;

/// What runs before the stop signal while the load continues, as a preStop hook of Kubernetes does. Its time is part of the grace
/// period. When it ends, the stop signal is sent, whatever its result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PreStop {
    /// A pause, as the `sleep` action.
    Sleep(Duration),
    /// A command, as the `exec` action. It has the environment of the service, and the id of the service's process in
    /// `EBBTIDE_SERVICE_PID`.
    Command(Vec<OsString>),
}

impl fmt::Display for PreStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sleep(time) => write!(f, "a sleep of {}", crate::words::limit(*time)),
            Self::Command(words) => {
                let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
                write!(f, "`{}`", words.join(" "))
            }
        }
    }
}

/// A signal that follows the stop signal if the process is still there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SecondSignal {
    /// The signal.
    pub signal: StopSignal,
    /// The time from the stop signal.
    pub after: Duration,
}

impl SecondSignal {
    /// The time after which a second signal comes that has no other one.
    pub const USUAL: Duration = Duration::from_secs(1);
}

/// The state of the service in which the stop begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopAt {
    /// Before it is ready: at a random time in the window after the start of the process, or as soon as it is ready if that is earlier.
    /// There is no load.
    Startup,
    /// Ready, without load: at a random time in the window after the warm-up.
    Idle,
    /// Under load: at a random time in the window after the warm-up.
    #[default]
    Load,
    /// One of the others for each run, drawn from the seed.
    Random,
}

impl StopAt {
    /// Every value, in the order of the help.
    pub const ALL: [Self; 4] = [Self::Startup, Self::Idle, Self::Load, Self::Random];

    /// Returns the name of the value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Idle => "idle",
            Self::Load => "load",
            Self::Random => "random",
        }
    }

    /// Returns the state for a run with this seed: never [`Random`](Self::Random).
    pub(crate) fn drawn(self, run_seed: u64) -> Self {
        // Another stream than that of the times.
        let mut rng = fastrand::Rng::with_seed(run_seed.rotate_left(32) ^ 0x5354_4F50);
        match self {
            Self::Random => match rng.u8(0..3) {
                0 => Self::Startup,
                1 => Self::Idle,
                _ => Self::Load,
            },
            fixed => fixed,
        }
    }
}

impl fmt::Display for StopAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::run_seed;

    #[test]
    fn a_random_state_is_drawn_from_the_seed_and_each_comes_up() {
        let drawn = |seed| (0..60).map(|run| StopAt::Random.drawn(run_seed(seed, run))).collect::<Vec<_>>();
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        for state in [StopAt::Startup, StopAt::Idle, StopAt::Load] {
            assert!(drawn(7).iter().filter(|drawn| **drawn == state).count() > 8, "{state}: {:?}", drawn(7));
            assert_eq!(state.drawn(7), state);
        }
        assert!(!drawn(7).contains(&StopAt::Random));
    }
}
