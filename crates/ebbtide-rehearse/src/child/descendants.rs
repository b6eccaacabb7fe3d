//! The processes that the service started and left behind.

use std::collections::HashSet;
use std::fs;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, getpgrp, getpid, kill_process, kill_process_group, set_child_subreaper, waitpid,
};

use crate::record::Orphan;

/// Makes this process the parent of every orphan below it, so that each one is found.
pub(crate) fn adopt_orphans() {
    // Linux 3.4 and later. Without it a daemon that leaves its process group is not found.
    let _old_kernel = set_child_subreaper(Some(getpid()));
}

/// Excludes `pid`, a child of this process that is not part of the service.
pub(crate) fn exclude(pid: Pid) {
    EXCLUDED.store(pid.as_raw_nonzero().get(), Ordering::Relaxed);
}

/// The janitor process, which runs beside the service.
static EXCLUDED: AtomicI32 = AtomicI32::new(0);

/// The processes of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    /// Those of a service that this process started: its group, and all their descendants. Orphans are found too.
    Started(Pid),
    /// Those of a service that ran before: the process, and its descendants while their parents live.
    Attached(Pid),
}

impl Family {
    /// Returns the ids of the first process and of every process that it started.
    pub(crate) fn members(self) -> Vec<i32> {
        let (first, others) = match self {
            Self::Started(group) => (group, descendants(group)),
            Self::Attached(pid) => (pid, below(&[pid.as_raw_nonzero().get()], NO_GROUP, NO_GROUP, all())),
        };
        others.into_iter().map(|process| process.pid).chain([first.as_raw_nonzero().get()]).collect()
    }

    /// Returns the first process.
    pub(super) fn main(self) -> Pid {
        match self {
            Self::Started(pid) | Self::Attached(pid) => pid,
        }
    }
}

/// No process is in this group.
const NO_GROUP: i32 = -1;

/// Returns the processes of the service in group `group` that are alive after the service has ended.
pub(crate) fn survivors(group: Pid) -> Vec<Orphan> {
    descendants(group).into_iter().filter(|process| !process.dead).map(Descendant::into_orphan).collect()
}

/// Returns whether a process of the service in group `group` is left, alive or dead. This process is the parent of every orphan and
/// reaps none before [`end_descendants`]: each process that outlived the service is found, even if it has ended since.
pub(super) fn has_descendants(group: Pid) -> bool {
    !descendants(group).is_empty()
}

/// Kills and reaps every process that the service in group `group` left behind.
pub(crate) fn end_descendants(group: Pid) {
    // A killed process may leave children, which become children of this process: repeat until none is left.
    for _ in 0..50 {
        let left = descendants(group);
        if left.is_empty() {
            return;
        }
        let _none = kill_process_group(group, Signal::KILL);
        for process in left {
            if let Some(pid) = Pid::from_raw(process.pid) {
                let _gone = kill_process(pid, Signal::KILL);
                let _not_a_child = waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
}

struct Descendant {
    pid: i32,
    name: String,
    dead: bool,
}

impl Descendant {
    fn into_orphan(self) -> Orphan {
        Orphan { pid: self.pid, name: self.name }
    }
}

/// Returns every process that is in `group` or descends from this process or from the group's leader, except the leader. A process
/// in the group of this process is none of the service, which has its own: another part of this program has started it.
fn descendants(group: Pid) -> Vec<Descendant> {
    let us = getpid().as_raw_nonzero().get();
    let group = group.as_raw_nonzero().get();
    let mut all = all();
    all.retain(|(process, ..)| process.pid != group && process.pid != EXCLUDED.load(Ordering::Relaxed));
    below(&[us, group], group, getpgrp().as_raw_nonzero().get(), all)
}

/// Returns every process, with its parent and its group.
fn all() -> Vec<(Descendant, i32, i32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
        .collect()
}

/// Returns those of `all`, each with its parent and its process group, that are in `group` or descend from `roots`, except those in the
/// group `ours`.
fn below(roots: &[i32], group: i32, ours: i32, all: Vec<(Descendant, i32, i32)>) -> Vec<Descendant> {
    let mut found = Vec::new();
    let mut parents: HashSet<i32> = roots.iter().copied().collect();
    let mut rest = all;
    loop {
        let is_below = |(_, parent, of): &mut (Descendant, i32, i32)| {
            *of != ours && (*of == group || parents.contains(parent))
        };
        let new: Vec<Descendant> = rest.extract_if(.., is_below).map(|(process, ..)| process).collect();
        if new.is_empty() {
            return found;
        }
        parents.extend(new.iter().map(|process| process.pid));
        found.extend(new);
    }
}

/// The number of fields between the process group, the fifth of `/proc/PID/stat`, and the number of threads, the twentieth.
const THREADS_AFTER_GROUP: usize = 14;

/// Reads `pid (name) state ppid pgrp ...`; the name may itself hold blanks and parentheses.
///
/// The state is that of the first thread. A process is dead when its other threads are gone too: until then its sockets are open.
fn parse(pid: i32, stat: &str) -> Option<(Descendant, i32, i32)> {
    let (head, rest) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_owned();
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let threads: u32 = fields.nth(THREADS_AFTER_GROUP)?.parse().ok()?;
    let dead = matches!(state, "Z" | "X") && threads <= 1;
    Some((Descendant { pid, name, dead }, parent, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_parentheses_is_parsed() {
        let (process, parent, group) = parse(9, &stat("(a) (b) S", 1)).unwrap();
        assert_eq!((process.name.as_str(), process.dead, parent, group), ("a) (b", false, 4, 7));
    }

    #[test]
    fn a_process_is_dead_when_all_its_threads_are() {
        let is_dead = |state, threads| parse(9, &stat(state, threads)).unwrap().0.dead;
        assert!(is_dead("(a) Z", 1) && is_dead("(a) X", 0));
        assert!(!is_dead("(a) Z", 2) && !is_dead("(a) S", 1));
    }

    /// A line of `/proc/PID/stat`.
    fn stat(name_and_state: &str, threads: u32) -> String {
        format!("9 {name_and_state} 4 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 {threads} 0 1")
    }

    #[test]
    fn a_child_of_a_child_in_another_session_descends_from_the_service() {
        let process =
            |pid, parent, group| (Descendant { pid, name: String::new(), dead: false }, parent, group);
        // 1 is this process, in the group 3, and 5 the service. 9 was started by 8, which was adopted; 7 descends from neither, and
        // 10 was started by another part of this program.
        let all =
            vec![process(9, 8, 9), process(6, 5, 5), process(8, 1, 8), process(7, 2, 2), process(10, 1, 3)];
        let found: Vec<i32> = below(&[1, 5], 5, 3, all).into_iter().map(|process| process.pid).collect();
        assert_eq!(found, [6, 8, 9]);
    }
}
