//! A new connection for every request.

use super::crew::{Crew, Turn};
use super::engine::{Address, Backoff};
use super::wish::Wish;
use crate::rehearse::record::Shape;
use crate::rehearse::scenario::Route;

/// One client that never waits, until the load ends.
pub(super) async fn client(crew: &Crew, to: &Address, route: &Route) {
    let mut backoff = Backoff::default();
    while crew.wanted() {
        match crew.ask(Shape::Storm, to, None, Wish::plain(route).last(), None).await {
            Turn::Kept(connection) => connection.let_peer_close().await,
            Turn::Over | Turn::Stale => backoff.reset(),
            Turn::Unreachable => crew.pause(backoff.next()).await,
            Turn::Bound => return,
        }
    }
}
