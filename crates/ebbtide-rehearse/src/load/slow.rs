//! Requests that stay in flight for seconds.

use super::crew::Crew;
use super::engine::Address;
use super::keepalive;
use crate::record::Shape;
use crate::scenario::{Route, SHORT_THINK, Span};
use crate::wire::Wish;

/// One client with one slow request after the other.
pub(super) async fn client(crew: &Crew, to: &Address, time: Span, route: &Route, rng: fastrand::Rng) {
    let wish = |rng: &mut fastrand::Rng| Wish::slow(route, time.draw(rng));
    keepalive::client(crew, Shape::Slow, to, SHORT_THINK, rng, wish).await;
}
