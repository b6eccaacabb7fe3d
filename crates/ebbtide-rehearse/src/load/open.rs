//! An open loop: requests come on a schedule, however slow the answers are.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::task::JoinSet;

use super::crew::{Crew, Turn};
use super::engine::Address;
use crate::clock::seconds;
use crate::record::Shape;
use crate::scenario::Route;
use crate::wire::{Connection, Wish};

/// Sends `rate` requests a second until the load ends, each on a free kept connection or else on a new one.
pub(super) async fn arrivals(crew: &Rc<Crew>, to: &Address, rate: u32, route: &Route) {
    let free: Rc<RefCell<Vec<Connection>>> = Rc::default();
    let mut under_way = JoinSet::new();
    let began = crew.clock.now();
    let mut arrivals = 0_u64;
    while crew.wanted() {
        let due = began + seconds(arrivals as f64 / f64::from(rate.max(1)));
        // Behind the schedule, every arrival that is due is sent at once: waiting even a timer's tick for each would
        // make the load adapt to the service.
        let early = due.since(crew.clock.now());
        if !early.is_zero() {
            crew.pause(early).await;
            continue;
        }
        arrivals += 1;
        let (crew, to, route, free) = (Rc::clone(crew), to.clone(), route.clone(), Rc::clone(&free));
        under_way.spawn_local(async move {
            loop {
                let kept = free.borrow_mut().pop();
                match crew.ask(Shape::Open, &to, kept, Wish::plain(&route), Some(due)).await {
                    Turn::Kept(connection) => return free.borrow_mut().push(connection),
                    // Nothing was sent: the arrival is still to be served.
                    Turn::Stale => {}
                    Turn::Over | Turn::Unreachable | Turn::Bound => return,
                }
            }
        });
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}
