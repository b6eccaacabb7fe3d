use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};

use super::events::Events;
use super::refusal::speaks_grpc;
use super::ticket::Ticket;
use crate::http::OnStop;
use crate::http::order::Order;

/// Decides how a response that is under way ends because the server stops.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endings {
    policy: OnStop,
    grpc: bool,
    events: Option<Events>,
}

/// How a response ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Cleanly, at a boundary.
    Clean,
    /// Cleanly, at a boundary of server-sent events.
    Events,
    /// With the gRPC status `UNAVAILABLE`, by its policy.
    Unavailable,
    /// With the gRPC status `UNAVAILABLE`, because the time is up.
    TimeIsUp,
    /// Broken off, by its policy.
    BrokenOff,
}

impl Endings {
    /// Reads what the response says of itself; `endless` if nothing says how long its body is. `None` if it ends like any
    /// other: when it is whole, or cut.
    pub(super) fn of<B>(response: &Response<B>, ticket: &Ticket, endless: bool) -> Option<Self> {
        let chosen = response.extensions().get::<OnStop>().copied();
        if !endless {
            let lets_go = chosen == Some(OnStop::Break);
            return lets_go.then_some(Self { policy: OnStop::Break, grpc: false, events: None });
        }
        let grpc = ticket.is_grpc() && speaks_grpc(response.headers());
        let sends_events = !grpc && response.status() == StatusCode::OK && is_event_stream(response);
        // `EventSource` sends nothing but GET (WHATWG HTML §9.2.2), and connects again when its stream ends. What answers
        // another method, such as the tokens of a model, has an end that its client waits for.
        let policy =
            chosen.unwrap_or(if sends_events && ticket.is_get() { OnStop::End } else { OnStop::Finish });
        let events = (sends_events && policy == OnStop::End).then(Events::new);
        (grpc || policy != OnStop::Finish).then_some(Self { policy, grpc, events })
    }

    /// Notes what was sent, for which alone `bytes` is called.
    pub(super) fn sent<'a>(&mut self, bytes: impl FnOnce() -> &'a [u8]) {
        if let Some(events) = &mut self.events {
            events.follow(bytes());
        }
    }

    /// Tells whether it matters what exactly is sent.
    pub(super) fn reads(&self) -> bool {
        self.events.is_some()
    }

    /// Returns how the response is to end now, in place of going on.
    pub(super) fn due(&self, order: Order) -> Option<Ending> {
        if !order.is_draining() {
            return None;
        }
        match self.policy {
            OnStop::Break => Some(Ending::BrokenOff),
            OnStop::End if self.grpc => Some(Ending::Unavailable),
            OnStop::End => match self.events {
                None => Some(Ending::Clean),
                Some(events) => events.is_between().then_some(Ending::Events),
            },
            OnStop::Finish => (self.grpc && order == Order::Refuse).then_some(Ending::TimeIsUp),
        }
    }
}

fn is_event_stream<B>(response: &Response<B>) -> bool {
    const KIND: &[u8] = b"text/event-stream";
    response.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.get(..KIND.len()).is_some_and(|start| start.eq_ignore_ascii_case(KIND))
            && matches!(kind.get(KIND.len()), None | Some(b';' | b' '))
    })
}
