//! What the process means to do with the stop signal, before it gets it.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::time::sleep;

use crate::record::SignalState;

/// How often a signal that is blocked is looked at again: while a thread is made, the C library blocks every signal in
/// its maker, and one look may fall into that.
const LOOKS: u32 = 10;

/// Longer than it takes to make a thread.
const PAUSE: Duration = Duration::from_millis(2);

/// Reads from `/proc/PID/status` what `pid` does about `signal`. `None`: the process is gone.
pub(crate) async fn signal_state(pid: Pid, signal: Signal) -> Option<SignalState> {
    let path = format!("/proc/{}/status", pid.as_raw_nonzero());
    settled(|| parse(&fs::read_to_string(&path).ok()?, signal.as_raw())).await
}

/// Looks again while the signal is blocked, for a while.
async fn settled(mut look: impl FnMut() -> Option<SignalState>) -> Option<SignalState> {
    let mut state = look()?;
    for _ in 0..LOOKS {
        if !state.blocked {
            break;
        }
        sleep(PAUSE).await;
        state = look()?;
    }
    Some(state)
}

fn parse(status: &str, signal: i32) -> Option<SignalState> {
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let bit = 1_u64 << u32::try_from(signal.checked_sub(1)?).ok()?;
    let has =
        |name| field(name).and_then(|mask| u64::from_str_radix(mask, 16).ok()).map(|mask| mask & bit != 0);
    Some(SignalState {
        caught: has("SigCgt")?,
        blocked: has("SigBlk")?,
        ignored: has("SigIgn")?,
        pid_one: field("NSpid").is_some_and(|ids| ids.split_whitespace().next_back() == Some("1")),
    })
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const STATUS: &str = "Name:\tx\nNSpid:\t812\t1\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001000\n\
                          SigCgt:\t0000000000004002\n";

    #[test]
    fn a_handled_an_ignored_and_a_default_signal_are_told_apart() {
        let state = |signal| parse(STATUS, signal).unwrap();
        assert!(state(15).caught && state(2).caught && state(15).pid_one);
        assert!(state(13).ignored && !state(13).caught);
        assert!(!state(1).caught && !state(1).blocked && !state(1).ignored);
    }

    /// Looks at a process whose signal is as `seen` says, and then as it was last. Returns whether it is found to be blocked, the
    /// number of looks, and how long they took.
    #[expect(clippy::disallowed_methods, reason = "a paused clock")]
    async fn looked_at(seen: &[Option<bool>]) -> (Option<bool>, usize, Duration) {
        let free = parse(STATUS, 15).unwrap();
        let mut looks = 0;
        let begun = Instant::now();
        let state = settled(|| {
            looks += 1;
            let blocked = *seen.get(looks - 1).or(seen.last()).unwrap();
            blocked.map(|blocked| SignalState { blocked, ..free })
        });
        let state = state.await;
        (state.map(|state| state.blocked), looks, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_that_is_blocked_for_a_moment_only_is_free() {
        let three_times = [Some(true), Some(true), Some(true), Some(false)];
        assert_eq!(looked_at(&three_times).await, (Some(false), 4, PAUSE * 3));
        assert_eq!(looked_at(&[Some(false)]).await, (Some(false), 1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_stays_blocked_is_found_to_be_after_so_many_looks() {
        assert_eq!(looked_at(&[Some(true)]).await, (Some(true), 11, PAUSE * 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_goes_between_two_looks_is_gone() {
        assert_eq!(looked_at(&[Some(true), None]).await, (None, 2, PAUSE));
    }
}
