//! How long a client waits for a response.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

use super::context::Stage;
use crate::clock::{At, Clock};

/// The limits of the requests of one client, which sends one at a time.
///
/// They are kept from request to request: registering a timer and a subscription for each costs as much as the rest of what a client notes
/// about it.
pub(super) struct Limits {
    clock: Clock,
    /// Fires at the limit of this request or of an earlier one.
    timer: Option<Pin<Box<Sleep>>>,
    /// Ends when the load is abandoned; `None`: it has ended.
    abandoned: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Limits {
    /// Creates the limits of a client of the load that `stage` belongs to.
    pub(super) fn new(clock: Clock, stage: &watch::Receiver<Stage>) -> Self {
        let mut changes = stage.clone();
        let abandoned = async move {
            // An error means that the sender was dropped: no further stage will come.
            let _gone = changes.wait_for(|now| *now >= Stage::Abandoned).await;
        };
        Self { clock, timer: None, abandoned: Some(Box::pin(abandoned)) }
    }

    /// Waits until `limit` has passed, or the load is abandoned. Without a limit only the latter counts.
    pub(super) async fn passed(&mut self, limit: Option<Duration>) {
        let due = limit.map(|limit| self.clock.now() + limit);
        poll_fn(|cx| self.poll_passed(due, cx)).await;
    }

    fn poll_passed(&mut self, due: Option<At>, cx: &mut Context<'_>) -> Poll<()> {
        if self.abandoned.as_mut().is_none_or(|abandoned| abandoned.as_mut().poll(cx).is_ready()) {
            self.abandoned = None;
            return Poll::Ready(());
        }
        let Some(due) = due else { return Poll::Pending };
        loop {
            let now = self.clock;
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(due.since(now.now()))));
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
            if self.clock.now() >= due {
                return Poll::Ready(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::timeout;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(40);

    #[tokio::test]
    async fn a_request_has_its_whole_limit_after_an_earlier_one() {
        let (_stage, changes) = watch::channel(Stage::Running);
        let mut limits = Limits::new(Clock::start(), &changes);
        // The first one ends long before its limit: its timer is still there.
        {
            let mut first = pin!(limits.passed(Some(LIMIT)));
            poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx).is_pending())).await;
        }
        let (clock, begun) = (limits.clock, limits.clock.now());
        limits.passed(Some(LIMIT)).await;
        let waited = clock.now().since(begun);
        assert!(waited >= LIMIT, "{waited:?}");
    }

    #[tokio::test]
    async fn an_abandoned_load_waits_for_no_request() {
        let (stage, changes) = watch::channel(Stage::Running);
        let mut limits = Limits::new(Clock::start(), &changes);
        assert!(timeout(LIMIT, limits.passed(None)).await.is_err(), "no limit");
        stage.send_replace(Stage::Abandoned);
        limits.passed(None).await;
        limits.passed(Some(Duration::MAX)).await;
    }
}
