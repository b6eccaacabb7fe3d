//! A new connection for every request.

use std::cell::Cell;
use std::time::Duration;

use super::crew::{Crew, Turn};
use super::engine::{Address, Backoff};
use crate::clock::At;
use crate::record::Shape;
use crate::scenario::Route;
use crate::wire::Wish;

/// One client, until the load ends: without a `pace` it never waits.
pub(super) async fn client(crew: &Crew, to: &Address, route: &Route, pace: Option<&Pace>) {
    let mut backoff = Backoff::default();
    while crew.wanted() {
        if let Some(pace) = pace {
            let slot = pace.next(crew.clock.now());
            crew.pause(slot.since(crew.clock.now())).await;
            if !crew.wanted() {
                return;
            }
        }
        match crew.ask(Shape::Storm, to, None, Wish::plain(route).last(), None).await {
            Turn::Kept(connection) => connection.let_peer_close().await,
            Turn::Over | Turn::Stale => backoff.reset(),
            Turn::Unreachable => crew.pause(backoff.next()).await,
            Turn::Bound => return,
        }
    }
}

/// The common rate of several clients. Requests come in bursts: a queue that is never filled hides what becomes of it.
#[derive(Debug)]
pub(super) struct Pace {
    every: Duration,
    next: Cell<At>,
}

/// The time between two bursts.
const BURST: Duration = Duration::from_millis(20);

impl Pace {
    /// `rate` requests a second.
    pub(super) fn new(rate: u32) -> Self {
        Self {
            every: Duration::from_secs(1).checked_div(rate).unwrap_or(Duration::from_secs(1)),
            next: Cell::new(At::default()),
        }
    }

    /// Takes the next moment for a request. Moments that were missed are not made up for.
    fn next(&self, now: At) -> At {
        let slot = self.next.get().max(now);
        self.next.set(slot + self.every);
        let burst = u64::try_from(BURST.as_micros()).unwrap_or(u64::MAX);
        At(slot.0.div_ceil(burst).saturating_mul(burst))
    }
}
