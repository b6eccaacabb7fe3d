use std::ops::Deref;

use super::state::TrackerState;

#[cfg(not(ebbtide_loom))]
use recycled::StateRef;

#[cfg(ebbtide_loom)]
use counted::StateRef;

/// A reference to a [`TrackerState`] that is free to clone and to drop, so that a guard costs only two counter increments.
///
/// A reference count would add two more, on a counter that all threads write. Instead, states are never freed: when the last
/// [`Tenancy`] ends, the state is recycled, and a later tracker reuses it when nothing is in flight on it. So a process keeps
/// about as many states as were needed at the same time: one for each tracker, and one for each dropped tracker that had
/// guards left.
///
/// # Invariants
///
/// 1. Only a handle of the present tenancy can begin work or wait. Guards of an earlier one can only end.
/// 2. A state gets a new tenancy only when it is idle. By 1 it then stays idle: each guard of the earlier tenancy has
///    ended. (Such a guard may still be about to check for waiters. At worst it wakes a waiter of the new tenancy, which checks
///    again and continues to wait.)
/// 3. The sums continue from tenancy to tenancy. A tenancy records at its start the number of ended pieces, which equals the
///    number of begun ones, and returns the difference.
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

    static RECYCLED_STATES: Lock<VecDeque<StateRef>> = Lock::new(VecDeque::new());

    /// How many recycled states are tried before a new one is created, so that creating a tracker takes a bounded time.
    const TRIES: usize = 4;

    #[derive(Clone, Debug)]
    pub(super) struct StateRef(&'static TrackerState);

    impl StateRef {
        pub(super) fn take() -> Self {
            Self::take_over().unwrap_or_else(|| Self(Box::leak(Box::new(TrackerState::new()))))
        }

        pub(super) fn restore(&self) {
            RECYCLED_STATES.lock().push_back(self.clone());
        }

        fn take_over() -> Option<Self> {
            let mut recycled_states = RECYCLED_STATES.lock();
            for _ in 0..recycled_states.len().min(TRIES) {
                let state = recycled_states.pop_front()?;
                if state.is_idle() {
                    return Some(state);
                }
                recycled_states.push_back(state);
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

/// loom requires that a model frees everything before it ends: here the state is reference-counted.
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
