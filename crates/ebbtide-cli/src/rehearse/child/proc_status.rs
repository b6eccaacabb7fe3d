//! What the process means to do with the stop signal, before it gets it.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::time::sleep;

use crate::rehearse::record::SignalState;

/// How often a signal that is blocked is looked at again: while a thread is made, the C library blocks every signal in
/// its maker, and one look may fall into that.
const LOOKS: u32 = 10;

/// Longer than it takes to make a thread.
const PAUSE: Duration = Duration::from_millis(2);

/// Reads from `/proc/PID/status` what `pid` does about `signal`. `None`: the process is gone.
pub(crate) async fn signal_state(pid: Pid, signal: Signal) -> Option<SignalState> {
    let path = format!("/proc/{}/status", pid.as_raw_nonzero());
    let look = || parse(&fs::read_to_string(&path).ok()?, signal.as_raw());
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
}
