//! The processes that outlive the service: until when they ran, and where they listened.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::Pid;
use tokio::time::{sleep, timeout};

use super::attached::Relative;
use super::descendants::{Family, end_descendants, has_descendants, survivors};
use super::proc::listeners;
use crate::clock::{At, Clock};
use crate::record::Orphan;

/// What was left of the service after its exit.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    /// The processes that were there at the end of the watch.
    pub(crate) orphans: Vec<Orphan>,
    /// When these were killed, if there were any.
    pub(crate) cleaned_up: Option<At>,
    /// When the last process that outlived the service was gone, if any did.
    pub(crate) children_until: Option<At>,
    /// The addresses on which these processes listened.
    pub(crate) listened: Vec<String>,
}

/// How long processes that outlive the service may take to exit by themselves. A server that exits at the signal does not wait for its
/// workers, which exit at the same time.
const LEAVING: Duration = Duration::from_secs(2);
/// The interval between two looks.
const EVERY: Duration = Duration::from_millis(5);

impl Aftermath {
    /// Watches for `time` the processes that outlive the service in group `group`, which has exited, and longer until none is left,
    /// for at most [`LEAVING`]. Then kills those that are left.
    pub(crate) async fn watch(group: Pid, time: Duration, clock: Clock) -> Self {
        let mut seen = Self::default();
        let mut listened = BTreeSet::new();
        let began = clock.now();
        // One that is dead by now may have outlived the service, and may have accepted connections.
        let mut alive = has_descendants(group);
        loop {
            // A look takes its time on a machine with many sockets: the last one begins when the time is up.
            let watched = clock.now().since(began);
            seen.orphans = survivors(group);
            if !seen.orphans.is_empty() {
                alive = true;
                listened.extend(listeners(Family::Started(group)));
            } else if alive {
                alive = false;
                seen.children_until = Some(clock.now());
            }
            if watched >= time && (!alive || watched >= LEAVING) {
                break;
            }
            sleep(EVERY).await;
        }
        if alive {
            seen.cleaned_up = Some(clock.now());
        }
        end_descendants(group);
        if alive {
            seen.children_until = Some(clock.now());
        }
        seen.listened = listened.into_iter().collect();
        seen
    }

    /// As [`watch`](Self::watch), of `processes` that this process has not started: those that are left are left running.
    pub(super) async fn watch_attached(processes: &[Relative], time: Duration, clock: Clock) -> Self {
        let mut seen = Self::default();
        let began = clock.now();
        let left = || processes.iter().filter(|process| process.is_alive()).map(Relative::orphan).collect();
        loop {
            let watched = clock.now().since(began);
            let had_some = !seen.orphans.is_empty();
            seen.orphans = left();
            if had_some && seen.orphans.is_empty() {
                seen.children_until = Some(clock.now());
            }
            if watched >= time && (seen.orphans.is_empty() || watched >= LEAVING) {
                if !seen.orphans.is_empty() {
                    seen.children_until = Some(clock.now());
                }
                return seen;
            }
            sleep(EVERY).await;
        }
    }
}

/// Returns the names of the processes of the service, whose first one has exited, that do not exit within [`LEAVING`].
pub(crate) async fn remaining(family: Family) -> Vec<String> {
    // The children of a service that was attached to and has ended cannot be found.
    let Family::Started(group) = family else { return Vec::new() };
    let none = async {
        while !survivors(group).is_empty() {
            sleep(EVERY).await;
        }
    };
    let _some_left = timeout(LEAVING, none).await;
    survivors(group).into_iter().map(|process| process.name).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use super::super::descendants::adopt_orphans;
    use super::*;

    /// Watches what is left of a shell that ran `script`, when `is_due` holds and its standard input has been closed.
    async fn left_by(script: &str, is_due: impl Fn(Pid) -> bool) -> Aftermath {
        adopt_orphans();
        let mut shell =
            Command::new("sh").args(["-c", script]).process_group(0).stdin(Stdio::piped()).spawn().unwrap();
        let group = Pid::from_child(&shell);
        let stdin = shell.stdin.take();
        shell.wait().unwrap();
        drop(stdin);
        while !is_due(group) {
            sleep(EVERY).await;
        }
        Aftermath::watch(group, Duration::ZERO, Clock::start()).await
    }

    #[tokio::test]
    async fn a_child_process_that_ended_before_the_first_look_is_noticed() {
        let is_over = |group| has_descendants(group) && survivors(group).is_empty();
        let left = left_by("exec 3<&0; cat <&3 & exit 0", is_over).await;
        assert!(left.orphans.is_empty() && left.children_until.is_some(), "{left:?}");
        let left = left_by("exit 0", |_| true).await;
        assert!(left.orphans.is_empty() && left.children_until.is_none(), "{left:?}");
    }

    #[tokio::test]
    async fn a_child_process_that_is_about_to_exit_is_not_an_orphan() {
        // The child reads the pipe until this test closes it, after the first look.
        adopt_orphans();
        let mut shell = Command::new("sh")
            .args(["-c", "exec 3<&0; cat <&3 & exit 0"])
            .process_group(0)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let group = Pid::from_child(&shell);
        let stdin = shell.stdin.take();
        shell.wait().unwrap();
        assert!(!survivors(group).is_empty());
        let watch = Aftermath::watch(group, Duration::ZERO, Clock::start());
        let (left, ()) = tokio::join!(watch, async {
            tokio::task::yield_now().await;
            drop(stdin);
        });
        assert!(left.orphans.is_empty() && left.cleaned_up.is_none(), "{left:?}");
        assert!(left.children_until.is_some(), "{left:?}");
    }

    #[tokio::test]
    async fn a_child_process_that_stays_is_an_orphan() {
        let left = left_by("exec 3<&0; sleep 61.3 & exit 0", |group| !survivors(group).is_empty()).await;
        assert!(left.orphans.len() == 1 && left.cleaned_up.is_some(), "{left:?}");
    }
}
