//! The memory, the threads and the file descriptors of the service, read from `/proc`.

use std::fs;

use crate::clock::At;
use crate::record::{Resources, Usage};

/// The samples of a run, each with the time at which it was complete.
#[derive(Debug, Default)]
pub(super) struct ResourceSamples {
    samples: Vec<(At, Usage)>,
}

impl ResourceSamples {
    /// Takes a sample of the processes `pids`, which is complete at the time that `now` returns.
    pub(super) fn look(&mut self, pids: &[i32], now: impl Fn() -> At) {
        let used = pids.iter().filter_map(|pid| usage(*pid)).fold(Usage::default(), sum);
        if used.processes > 0 {
            self.samples.push((now(), used));
        }
    }

    /// Returns what was used around the signal, and until the exit.
    pub(super) fn resources(&self, signalled: At, exit: At) -> Option<Resources> {
        let split = self.samples.partition_point(|(at, _)| *at <= signalled);
        let (before, after) = self.samples.split_at_checked(split)?;
        // A sample during which a process ended is not of all of them.
        let after = || after.iter().filter(|(at, _)| *at < exit).map(|(_, used)| *used);
        Some(Resources {
            peak_before: before.iter().map(|(_, used)| *used).reduce(greatest)?,
            at_signal: before.last()?.1,
            peak_after: after().reduce(greatest),
            before_exit: after().next_back(),
        })
    }
}

/// Returns what process `pid` uses. `None`: it has ended.
fn usage(pid: i32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let (memory_bytes, threads) = parse(&status)?;
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count) as u64;
    Some(Usage { memory_bytes, threads, descriptors, processes: 1 })
}

/// Returns the memory and the threads in `/proc/PID/status`. A process that is ending has no memory.
fn parse(status: &str) -> Option<(u64, u64)> {
    let number = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        value.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some((number("VmRSS:")?.saturating_mul(1024), number("Threads:")?))
}

fn sum(one: Usage, other: Usage) -> Usage {
    each(one, other, u64::saturating_add)
}

fn greatest(one: Usage, other: Usage) -> Usage {
    each(one, other, u64::max)
}

fn each(one: Usage, other: Usage, of: impl Fn(u64, u64) -> u64) -> Usage {
    Usage {
        memory_bytes: of(one.memory_bytes, other.memory_bytes),
        threads: of(one.threads, other.threads),
        descriptors: of(one.descriptors, other.descriptors),
        processes: of(one.processes, other.processes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(memory_bytes: u64, threads: u64) -> Usage {
        Usage { memory_bytes, threads, descriptors: 3, processes: 1 }
    }

    #[test]
    fn samples_are_told_apart_by_the_signal_and_the_exit() {
        let samples = [(1, used(5, 1)), (2, used(4, 2)), (3, used(9, 2)), (4, used(7, 3)), (5, used(1, 1))];
        let samples = ResourceSamples { samples: samples.map(|(at, used)| (At(at), used)).to_vec() };
        let found = samples.resources(At(2), At(5)).unwrap();
        assert_eq!((found.peak_before, found.at_signal), (used(5, 2), used(4, 2)));
        assert_eq!((found.peak_after, found.before_exit), (Some(used(9, 3)), Some(used(7, 3))));
        let short = samples.resources(At(2), At(3)).unwrap();
        assert_eq!((short.peak_after, short.before_exit), (None, None));
        assert_eq!(samples.resources(At(0), At(9)), None, "never sampled before the signal");
    }

    #[test]
    fn a_process_is_sampled_until_it_has_ended() {
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t4\n";
        assert_eq!(parse(status), Some((2_097_152, 4)));
        assert_eq!(parse("Name:\tx\nState:\tZ (zombie)\nThreads:\t1\n"), None);
        let own = usage(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(own.memory_bytes > 0 && own.threads > 0 && own.descriptors > 0, "{own:?}");
        assert_eq!(usage(i32::MAX), None);
    }
}
