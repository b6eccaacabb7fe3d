//! The baseline: the responses of each route before the signal, with which those after it are compared.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Terms;
use super::bodies::RouteBodies;
use super::fate::{Doubt, Reason};
use super::route_table::RouteTable;
use crate::record::{Answer, Endpoint, Framing, Outcome, Record, Request, Shape};

/// The usual answers of every route.
#[derive(Debug, Default)]
pub(super) struct Baseline<'a> {
    /// By the number of the route.
    routes: Vec<RouteSeen>,
    /// The address and the path of readiness.
    readiness: Option<(&'a Endpoint, String)>,
    /// Those of a page whose bodies report the state of the service.
    state_page: Option<(&'a Endpoint, String)>,
    allowed: BTreeSet<u16>,
    /// Statuses that a route may always answer.
    expected: BTreeSet<u16>,
}

/// The result of comparing a response with the baseline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compared {
    /// As before.
    AsUsual,
    /// A status that announces the shutdown, or one that `--allow-status` names.
    Declined,
    /// It is not known to be as before.
    Unverified(Doubt),
    /// It counts against the service.
    Unusual(Reason),
}

#[derive(Debug, Default)]
struct RouteSeen {
    by_status: BTreeMap<u16, RouteBodies>,
    /// The gRPC statuses.
    grpc: BTreeSet<u16>,
    /// Whether a WebSocket was opened along it at any time. Those from before the signal end after it.
    opens: bool,
    /// The same for a stream of events.
    streams: bool,
}

/// Returns whether the gRPC status `code` is an error that `route` did not have before the signal. Without a baseline, an error is what
/// the server is to blame for: CANCELLED, UNKNOWN, INTERNAL, UNAVAILABLE and DATA_LOSS.
fn is_new_error(code: u16, route: Option<&RouteSeen>) -> bool {
    match route {
        Some(route) if !route.grpc.is_empty() => code != 0 && !route.grpc.contains(&code),
        _ => matches!(code, 1 | 2 | 13..=15),
    }
}

/// Service Unavailable: the status by which readiness announces the shutdown.
const ANNOUNCEMENT: u16 = 503;

impl<'a> Baseline<'a> {
    /// Returns the usual responses in `record`, whose requests have these routes.
    pub(super) fn of(
        record: &'a Record,
        terms: &'a Terms,
        (routes, route_of): (&RouteTable<'_>, &[usize]),
    ) -> Self {
        let mut usual = Self {
            routes: routes.numbers().map(|_| RouteSeen::default()).collect(),
            allowed: terms.allow_status.iter().copied().collect(),
            expected: terms.expect_status.iter().copied().collect(),
            ..Self::default()
        };
        usual.readiness = terms.readiness.as_ref().map(|(at, path)| (at, format!(" {path}")));
        for (request, route) in record.traffic.requests.iter().zip(route_of) {
            let Some(route) = usual.routes.get_mut(*route) else { continue };
            route.opens |=
                matches!(request.outcome, Outcome::CloseFrame { .. } | Outcome::NoCloseFrame { .. });
            route.streams |= request.answer.is_some_and(|answer| answer.event_stream == Some(true));
        }
        usual.state_page = terms.state_page.as_ref().map(|(at, path)| (at, format!(" {path}")));
        let began = record.stop_began();
        let before =
            record.traffic.requests.iter().zip(route_of).filter(|(request, _)| request.ended < began);
        for (request, route) in before {
            if let (Outcome::Answered { status }, Some(answer), Some(route)) =
                (request.outcome, &request.answer, usual.routes.get_mut(*route))
            {
                route.grpc.extend(answer.grpc_status);
                route
                    .by_status
                    .entry(status)
                    .and_modify(|seen| seen.add(answer))
                    .or_insert_with(|| RouteBodies::of(answer))
                    .shapes
                    .insert(request.shape);
            }
        }
        usual
    }

    /// Returns the numbers of the routes whose bodies varied.
    pub(super) fn varying(&self) -> impl Iterator<Item = usize> {
        let routes = self.routes.iter().enumerate();
        routes.filter(|(_, seen)| seen.varies()).map(|(number, _)| number)
    }

    /// Whether `status` is an error, other than the one that the route answers as a rule. From 500 on that one is an error as well,
    /// unless it is declared.
    pub(super) fn is_error(&self, route: usize, status: u16) -> bool {
        let rule = || self.routes.get(route).and_then(RouteSeen::rule);
        match status {
            500.. => rule() != Some(status) || !self.expected.contains(&status),
            400..500 => rule().is_some_and(|rule| rule != status),
            _ => false,
        }
    }

    /// Compares the whole answer to `request`, which came after the signal, with the usual ones.
    pub(super) fn compare(
        &self,
        (request, route): (&Request, usize),
        status: u16,
        answer: &Answer,
    ) -> Compared {
        if self.allowed.contains(&status) || self.announces(request, status) {
            return Compared::Declined;
        }
        if self.is_error(route, status) {
            return Compared::Unusual(Reason::Status(status));
        }
        let seen = self.routes.get(route);
        if request.shape == Shape::Websocket && seen.is_some_and(|seen| seen.opens) {
            return Compared::Unusual(Reason::NoUpgrade(status));
        }
        if answer.event_stream == Some(false) && seen.is_some_and(|seen| seen.streams) {
            return Compared::Unusual(Reason::NoEvents(status));
        }
        let route = seen.filter(|seen| !seen.by_status.is_empty());
        if let Some(code) = answer.grpc_status.filter(|code| is_new_error(*code, route)) {
            return Compared::Unusual(Reason::GrpcStatus(code));
        }
        let Some(route) = route else {
            let is_stream = matches!(request.shape, Shape::Events | Shape::BidiStream);
            return match answer.framing {
                Framing::Close => Compared::Unverified(Doubt::Unframed),
                Framing::Length | Framing::Chunked if !is_stream => Compared::Unverified(Doubt::Unseen),
                _ => Compared::AsUsual,
            };
        };
        let Some(bodies) = route.by_status.get(&status) else {
            return Compared::Unusual(Reason::Status(status));
        };
        // A stream has as many events or messages as there was time for. What is asked of a route with a duration, and of a method of gRPC,
        // may depend on the shape.
        let has_own_messages = request.route.contains("{ms}") || answer.grpc_status.is_some();
        if matches!(request.shape, Shape::Events | Shape::BidiStream)
            || has_own_messages && !bodies.shapes.contains(&request.shape)
            || is_at(&self.state_page, request)
        {
            // An empty message is none of any shape, unless another one had it.
            let has_body = answer.length > 0 || bodies.least == 0 || answer.framing == Framing::NoBody;
            return match answer.framing {
                _ if !has_body && !matches!(request.shape, Shape::Events | Shape::BidiStream) => {
                    Compared::Unusual(Reason::Empty)
                }
                Framing::Close => Compared::Unverified(Doubt::Unframed),
                _ => Compared::AsUsual,
            };
        }
        bodies.compare(answer)
    }

    /// Returns whether readiness announces the shutdown by this answer, as it should. Another status is an error on that path as on
    /// any other, whether a probe has seen it or not.
    fn announces(&self, request: &Request, status: u16) -> bool {
        status == ANNOUNCEMENT && is_at(&self.readiness, request)
    }
}

/// Returns whether `request` went to this address and path.
fn is_at(page: &Option<(&Endpoint, String)>, request: &Request) -> bool {
    page.as_ref().is_some_and(|(at, path)| **at == request.to && request.route.ends_with(path))
}

impl RouteSeen {
    /// Whether the bodies with its usual status varied. A stream has as many events as there was time for.
    fn varies(&self) -> bool {
        let usual = self.rule().and_then(|rule| self.by_status.get(&rule));
        !self.streams && usual.is_some_and(|bodies| bodies.digest.is_none())
    }

    /// The status of most answers, and the lowest of equally many: every judgement of a record is the same.
    fn rule(&self) -> Option<u16> {
        let most = self.by_status.iter().max_by_key(|(status, bodies)| (bodies.count, Reverse(**status)));
        most.map(|(status, _)| *status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::At;
    use crate::record::Close;
    use crate::verdict::samples::{SIGNALLED, good, request, terms};

    /// The routes of [`compared`] whose messages depend on the shape.
    const OWN: [(&str, Option<u16>); 2] = [("POST /shop.Orders/Get", Some(0)), ("GET /slow?ms={ms}", None)];

    /// How a response of `length` bytes with this digest to `shape` after the signal compares with ten of 10 bytes and the digest 10
    /// to `keepalive` before it.
    fn compared_with(
        (route, grpc_status): (&str, Option<u16>),
        (shape, length, digest): (Shape, u64, u64),
    ) -> Compared {
        let answered = |begun, shape, length, digest| {
            let mut request = request(begun, Outcome::Answered { status: 200 });
            (request.route, request.shape) = (route.into(), shape);
            let usual = request.answer.unwrap();
            request.answer = Some(Answer { length, digest, grpc_status, ..usual });
            request
        };
        let mut record = good();
        record.traffic.requests.extend((0..10).map(|_| answered(1000, Shape::Keepalive, 10, 10)));
        record.traffic.requests.push(answered(SIGNALLED + 1000, shape, length, digest));
        let (routes, route_of) = RouteTable::of(&record.traffic.requests);
        let terms = terms();
        let usual = Baseline::of(&record, &terms, (&routes, &route_of));
        let (after, route) = (record.traffic.requests.last().unwrap(), *route_of.last().unwrap());
        usual.compare((after, route), 200, after.answer.as_ref().unwrap())
    }

    fn compared(route: (&str, Option<u16>), shape: Shape, length: u64) -> Compared {
        compared_with(route, (shape, length, length))
    }

    #[test]
    fn a_shape_with_messages_of_its_own_is_compared_only_with_itself() {
        for route in OWN {
            let compared = |shape, length| compared(route, shape, length);
            assert_eq!(compared(Shape::Slow, 12), Compared::AsUsual);
            assert_eq!(compared(Shape::Keepalive, 10), Compared::AsUsual);
            assert_eq!(compared(Shape::Keepalive, 12), Compared::Unusual(Reason::OtherBody));
        }
        let other = compared(("GET /items", None), Shape::Slow, 12);
        assert_eq!(other, Compared::Unusual(Reason::OtherBody), "the same request for each shape");
    }

    #[test]
    fn an_empty_body_is_a_message_of_no_shape() {
        for (route, shape) in OWN.into_iter().flat_map(|route| [(route, Shape::Slow), (route, Shape::Phases)])
        {
            assert_eq!(compared(route, shape, 0), Compared::Unusual(Reason::Empty), "{shape}");
            assert_eq!(compared(route, shape, 1), Compared::AsUsual, "{shape}");
        }
        // A stream may have no event.
        assert_eq!(compared(OWN[0], Shape::Events, 0), Compared::AsUsual);
    }

    #[test]
    fn another_body_of_the_same_length_is_doubtful_where_it_never_changed() {
        let after = |length, digest| compared_with(("GET /items", None), (Shape::Storm, length, digest));
        // A body with the time of day in it would look like this.
        assert_eq!(after(10, 11), Compared::Unverified(Doubt::Body));
        assert_eq!(after(10, 10), Compared::AsUsual);
        assert_eq!(after(11, 11), Compared::Unusual(Reason::OtherBody));
    }

    /// How a response with `status` to `shape` after the signal compares where a WebSocket was open at the signal, and a stream of events.
    fn instead(shape: Shape, status: u16, event_stream: bool) -> Compared {
        let mut record = good();
        let mut open = request(1000, Outcome::NoCloseFrame { close: Close::Eof });
        (open.shape, open.ended) = (Shape::Websocket, At(SIGNALLED + 5000));
        let mut events = request(1000, Outcome::Answered { status: 200 });
        (events.shape, events.ended) = (Shape::Events, At(SIGNALLED + 5000));
        let mut after = request(SIGNALLED + 1000, Outcome::Answered { status });
        after.shape = shape;
        for (request, is_stream) in [(&mut events, true), (&mut after, event_stream)] {
            request.answer = request.answer.map(|answer| Answer {
                event_stream: (request.shape == Shape::Events).then_some(is_stream),
                ..answer
            });
        }
        record.traffic.requests = vec![open, events, after];
        let (routes, route_of) = RouteTable::of(&record.traffic.requests);
        let terms = terms();
        let usual = Baseline::of(&record, &terms, (&routes, &route_of));
        let after = record.traffic.requests.last().unwrap();
        usual.compare((after, route_of[2]), status, after.answer.as_ref().unwrap())
    }

    #[test]
    fn a_page_is_neither_a_websocket_nor_a_stream_of_events() {
        for status in [200, 204, 302, 404] {
            let wrong = Compared::Unusual(Reason::NoUpgrade(status));
            assert_eq!(instead(Shape::Websocket, status, false), wrong);
            let wrong = Compared::Unusual(Reason::NoEvents(status));
            assert_eq!(instead(Shape::Events, status, false), wrong);
        }
        assert_eq!(instead(Shape::Events, 200, true), Compared::AsUsual);
        // Another shape, of which no answer came before the signal.
        assert_eq!(instead(Shape::Storm, 200, false), Compared::Unverified(Doubt::Unseen));
    }
}
