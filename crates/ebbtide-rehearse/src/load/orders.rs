//! Orders for the demo, whose acknowledged ids are looked up in its store afterwards.

use super::crew::Crew;
use super::engine::Address;
use super::keepalive;
use crate::record::Shape;
use crate::scenario::{Route, Span};
use crate::wire::Wish;

/// One client that posts an order, thinks, and posts the next.
pub(super) async fn client(crew: &Crew, to: &Address, think: Span, route: &Route, rng: fastrand::Rng) {
    let wish = |rng: &mut fastrand::Rng| Wish::order(route, &format!("item-{}", rng.u32(..)));
    keepalive::client(crew, Shape::Orders, to, think, rng, wish).await;
}
