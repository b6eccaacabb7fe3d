use std::ops::Deref;

use super::state::TrackerState;

#[cfg(not(ebbtide_loom))]
use recycled::StateRef;

#[cfg(ebbtide_loom)]
use counted::StateRef;

/// A reference to a [`TrackerState`] that costs nothing to take and to drop: what lets a guard be two counter increments.
///
/// A reference count would be two more, and one that all threads write. Instead, states are never freed: when the last
/// [`Tenancy`] ends, the state is put aside, and a later tracker takes it over once nothing is in flight on it. So a
/// process keeps about as many states as were needed at the same time: one for each tracker, and one for each dropped
/// tracker that had guards left.
///
/// # Invariants
///
/// 1. Only a handle of the present tenancy can begin work or wait. Guards of an earlier one can only end.
/// 2. A state gets a new tenancy only when it is idle. By 1 it then stays so: each guard of the earlier tenancy has
///    ended. (Such a guard may still be about to look for waiters; the worst it can do is wake one of the new ones, who
///    looks again and goes on waiting.)
/// 3. The sums go on from tenancy to tenancy. A tenancy notes at its start what has ended, which is what has begun, and
///    tells the difference.
#[derive(Clone, Debug)]
pub(super) struct Lease(StateRef);

/// The right to begin work on a state, until it is dropped.
#[derive(Debug)]
pub(super) struct Tenancy {
    lease: Lease,
    ended_before: u64,
}

impl Tenancy {
    pub(super) fn begin() -> Self {
        let lease = Lease(StateRef::take());
        let ended_before = lease.ended();
        Self { lease, ended_before }
    }

    pub(super) fn lease(&self) -> Lease {
        self.lease.clone()
    }

    pub(super) fn begun(&self) -> u64 {
        self.lease.begun().saturating_sub(self.ended_before)
    }

    pub(super) fn ended(&self) -> u64 {
        self.lease.ended().saturating_sub(self.ended_before)
    }
}

impl Drop for Tenancy {
    fn drop(&mut self) {
        self.lease.0.restore();
    }
}

impl Deref for Lease {
    type Target = TrackerState;

    #[inline]
    fn deref(&self) -> &TrackerState {
        &self.0
    }
}

#[cfg(not(ebbtide_loom))]
mod recycled {
    use std::collections::VecDeque;
    use std::ops::Deref;

    use crate::drain::sync::Lock;
    use crate::drain::tracker::state::TrackerState;

    static PUT_ASIDE: Lock<VecDeque<StateRef>> = Lock::new(VecDeque::new());

    /// How many of those put aside are tried before a new one is made, so that making a tracker takes a bounded time.
    const TRIES: usize = 4;

    #[derive(Clone, Debug)]
    pub(super) struct StateRef(&'static TrackerState);

    impl StateRef {
        pub(super) fn take() -> Self {
            Self::take_over().unwrap_or_else(|| Self(Box::leak(Box::new(TrackerState::new()))))
        }

        pub(super) fn restore(&self) {
            PUT_ASIDE.lock().push_back(self.clone());
        }

        fn take_over() -> Option<Self> {
            let mut put_aside = PUT_ASIDE.lock();
            for _ in 0..put_aside.len().min(TRIES) {
                let state = put_aside.pop_front()?;
                if state.is_idle() {
                    return Some(state);
                }
                put_aside.push_back(state);
            }
            None
        }
    }

    impl Deref for StateRef {
        type Target = TrackerState;

        #[inline]
        fn deref(&self) -> &TrackerState {
            self.0
        }
    }
}

/// A model must give back all it took before it ends: here the state is counted, and freed.
#[cfg(ebbtide_loom)]
mod counted {
    use std::ops::Deref;
    use std::sync::Arc;

    use crate::drain::tracker::state::TrackerState;

    #[derive(Clone, Debug)]
    pub(super) struct StateRef(Arc<TrackerState>);

    impl StateRef {
        pub(super) fn take() -> Self {
            Self(Arc::new(TrackerState::new()))
        }

        pub(super) fn restore(&self) {}
    }

    impl Deref for StateRef {
        type Target = TrackerState;

        fn deref(&self) -> &TrackerState {
            &self.0
        }
    }
}
