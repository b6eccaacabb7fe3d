//! The processes that outlive the service: until when they ran, and where they listened.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::Pid;
use tokio::time::sleep;

use super::descendants::{end_descendants, survivors};
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

/// The interval between two looks.
const EVERY: Duration = Duration::from_millis(5);

impl Aftermath {
    /// Watches for `time` the processes that outlive the service in group `group`, which has exited, and then kills those that are
    /// left.
    pub(crate) async fn watch(group: Pid, time: Duration, clock: Clock) -> Self {
        let mut seen = Self::default();
        let mut listened = BTreeSet::new();
        let began = clock.now();
        let mut alive = false;
        loop {
            seen.orphans = survivors(group);
            if !seen.orphans.is_empty() {
                alive = true;
                listened.extend(listeners(group));
            } else if alive {
                alive = false;
                seen.children_until = Some(clock.now());
            }
            if clock.now().since(began) >= time {
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
}
