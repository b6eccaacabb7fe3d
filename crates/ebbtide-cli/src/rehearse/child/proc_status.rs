//! What the process means to do with the stop signal, before it gets it.

use std::fs;

use rustix::process::{Pid, Signal};

use crate::rehearse::record::SignalState;

/// Reads from `/proc/PID/status` what `pid` does about `signal`. `None`: the process is gone.
pub(crate) fn signal_state(pid: Pid, signal: Signal) -> Option<SignalState> {
    let path = format!("/proc/{}/status", pid.as_raw_nonzero());
    parse(&fs::read_to_string(path).ok()?, signal.as_raw())
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
