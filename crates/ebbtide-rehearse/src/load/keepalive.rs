//! Clients that keep their connection and ask again and again: over it, with or without thinking in between.

use super::crew::{Crew, Turn};
use super::engine::{Address, Backoff};
use crate::record::Shape;
use crate::scenario::Span;
use crate::wire::Wish;

/// One client, until the load ends: asks what `wish` makes, thinks for a time within `think`, and asks again.
pub(super) async fn client(
    crew: &Crew,
    shape: Shape,
    to: &Address,
    think: Span,
    mut rng: fastrand::Rng,
    mut wish: impl FnMut(&mut fastrand::Rng) -> Wish,
) {
    let mut backoff = Backoff::default();
    let mut kept = None;
    while crew.wanted() {
        match crew.ask(shape, to, kept.take(), wish(&mut rng), None).await {
            Turn::Kept(mut connection) => {
                backoff.reset();
                if connection.idle(think.draw(&mut rng)).await {
                    kept = Some(connection);
                } else {
                    crew.traffic.borrow_mut().idle_closed += 1;
                }
            }
            Turn::Over => {
                backoff.reset();
                crew.pause(think.draw(&mut rng)).await;
            }
            Turn::Stale => {}
            Turn::Unreachable => crew.pause(backoff.next()).await,
            Turn::Bound => return,
        }
    }
}
