//! A client of a protocol of lines: it sends a line, waits for its answer, pauses, and sends the next on the same connection.

use std::time::Duration;

use super::clients::{Backoff, exchange_once};
use super::context::{ClientContext, PendingRequest};
use crate::record::Shape;
use crate::scenario::{Route, Span};
use crate::wire::{Address, Line, LineConnection, RequestResult};

/// The least pause after an answer. A service that closes its connections right after an answer needs some time for it, and has no other way to
/// announce the end.
const PAUSE: Duration = Duration::from_millis(25);

/// Runs one client. Each line is a request of the record.
pub(super) async fn lines(
    context: &ClientContext,
    to: &Address,
    think: Span,
    route: &Route,
    mut rng: fastrand::Rng,
) {
    let (to, label) = (to.over_http1(), route.label());
    let mut backoff = Backoff::default();
    let mut kept: Option<LineConnection> = None;
    while context.wanted() {
        if let Some(connection) = &mut kept
            && !connection.is_open().await
        {
            context.traffic.borrow_mut().idle_closed += 1;
            kept = None;
        }
        if kept.is_none() && !context.is_routed() {
            context.pause(backoff.next()).await;
            continue;
        }
        let exchange = async |id, pending: &mut PendingRequest| {
            exchange(context, &to, &mut kept, &Line::new(&route.path, id), pending).await
        };
        let of = (Shape::Tcp, &to, &*label);
        let Some(was_reached) = exchange_once(context, of, exchange).await else { return };
        context.pause(backoff.after(was_reached, || think.draw(&mut rng).max(PAUSE))).await;
    }
}

/// Sends `line` on the kept connection or on a new one, which is kept after an answer. `None`: it has no outcome, because of a trouble of
/// the client's own.
async fn exchange(
    context: &ClientContext,
    to: &Address,
    kept: &mut Option<LineConnection>,
    line: &Line,
    pending: &mut PendingRequest,
) -> Option<RequestResult> {
    let mut connection = match kept.take() {
        Some(connection) => {
            (pending.fresh, pending.opened) = (false, connection.opened);
            pending.connected = Some(context.clock.now());
            connection
        }
        None => match context.socket(to, pending).await {
            Ok(socket) => LineConnection::on(socket, pending.opened),
            Err(ended) => return ended,
        },
    };
    let seen = tokio::select! {
        biased;
        seen = connection.exchange(line) => Some(seen),
        () = context.late() => None,
    };
    let seen = seen.unwrap_or_else(|| connection.late(true));
    if seen.answer.is_some_and(|answer| !answer.no_number) {
        *kept = Some(connection);
    }
    Some(seen)
}
