use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ebbtide::adapter::clock;
use ebbtide::model::part;

/// The cursor at which an iteration over the pending entries begins and ends.
const START: &str = "0-0";

/// The interval of polls for jobs whose delay has passed and for those whose consumer died.
const OFTEN: Duration = Duration::from_secs(1);

/// Decides when to poll next, and how long a read may block until then.
#[derive(Debug)]
pub(super) struct Schedule {
    every: Duration,
    state: Mutex<ScheduleState>,
}

#[derive(Debug)]
struct ScheduleState {
    cursor: String,
    next: Instant,
}

impl Schedule {
    pub(super) fn new(lease: Duration) -> Self {
        let state = ScheduleState { cursor: START.to_owned(), next: clock::now() };
        Self { every: OFTEN.min(part(lease, 1, 3)), state: Mutex::new(state) }
    }

    /// Returns the cursor to continue from, if a poll is due.
    pub(super) fn due(&self) -> Option<String> {
        let state = self.lock();
        state.is_due().then(|| state.cursor.clone())
    }

    pub(super) fn is_due(&self) -> bool {
        self.lock().is_due()
    }

    /// Stores where a poll has ended, and when the next delayed job is due.
    pub(super) fn looked(&self, cursor: String, next_due: Option<Duration>) {
        let mut state = self.lock();
        let wait = if cursor == START {
            next_due.map_or(self.every, |due| due.min(self.every))
        } else {
            Duration::ZERO
        };
        *state = ScheduleState { cursor, next: clock::after(clock::now(), wait) };
    }

    /// Returns how long a read may block: at least a millisecond, since zero means without limit.
    pub(super) fn block(&self) -> Duration {
        self.lock().next.saturating_duration_since(clock::now()).max(Duration::from_millis(1))
    }

    fn lock(&self) -> MutexGuard<'_, ScheduleState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScheduleState {
    fn is_due(&self) -> bool {
        clock::now() >= self.next
    }
}
