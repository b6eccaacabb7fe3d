//! A client that announces its body (`Expect: 100-continue`), and sends it slowly when the server asks for it.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::clients::exchanges;
use super::context::{ClientContext, PendingRequest};
use crate::record::{Outcome, Progress, Shape};
use crate::scenario::Route;
use crate::wire::{Address, RawConnection, RawRequest, RequestResult, expecting_request};

/// How long a client waits to be asked for the body, at most. A server need not ask (RFC 9110, section 10.1.1).
const ASKED: Duration = Duration::from_secs(1);
/// The number of parts of a body, at most.
const PARTS: usize = 20;

/// Runs one client. Each upload has a connection of its own, and takes about the `time` that is drawn for it.
pub(super) async fn upload(
    context: &ClientContext,
    to: &Address,
    time: impl Fn(&mut fastrand::Rng) -> Duration,
    route: &Route,
    rng: fastrand::Rng,
) {
    let to = to.over_http1();
    exchanges(context, (Shape::Upload, &to, &route.label()), rng, async |id, pending, rng| {
        match expecting_request(route, &to, id) {
            Ok(request) => send(context, &to, &request, pending, time(rng)).await,
            Err(error) => {
                context.trouble(&std::io::Error::other(error));
                None
            }
        }
    })
    .await;
}

/// Sends one request. `None`: the client has no outcome, because of a trouble of its own.
async fn send(
    context: &ClientContext,
    to: &Address,
    request: &RawRequest,
    pending: &mut PendingRequest,
    time: Duration,
) -> Option<RequestResult> {
    let mut raw = match context.socket(to, pending).await {
        Ok(socket) => RawConnection::new(socket),
        Err(ended) => return ended,
    };
    let (head, body) = request.bytes.split_at(request.head);
    let mut sent = 0;
    let ended = tokio::select! {
        biased;
        () = write(&mut raw, head, body, time, &mut sent) => None,
        () = context.late() => Some(Outcome::TimedOut),
    };
    let seen = match ended {
        Some(outcome) => RequestResult::without_answer(outcome),
        None => tokio::select! {
            biased;
            seen = raw.answer(&http::Method::POST) => seen,
            () = context.late() => RequestResult::without_answer(Outcome::TimedOut),
        },
    };
    let progress = Some(Progress { done: sent as u64, of: body.len() as u64 });
    Some(RequestResult { sent: sent == body.len(), progress, ..seen })
}

/// Writes the request until it is whole or the response has begun. The read that follows shows what a failed write means.
async fn write(raw: &mut RawConnection, head: &[u8], body: &[u8], time: Duration, sent: &mut usize) {
    if raw.write(head).await.is_err() {
        return;
    }
    let _unasked = timeout(ASKED.min(time), raw.until_continue()).await;
    let part = body.len().div_ceil(PARTS).max(1);
    let parts = u32::try_from(body.len().div_ceil(part)).unwrap_or(u32::MAX);
    let pause = time.checked_div(parts).unwrap_or_default();
    for part in body.chunks(part) {
        tokio::select! {
            biased;
            () = raw.until_response() => return,
            () = sleep(pause) => {}
        }
        let mut rest = part;
        while !rest.is_empty() {
            let Ok(count) = raw.write_some(rest).await else { return };
            *sent = sent.saturating_add(count);
            rest = rest.get(count..).unwrap_or_default();
        }
        if raw.flush().await.is_err() {
            return;
        }
    }
}
