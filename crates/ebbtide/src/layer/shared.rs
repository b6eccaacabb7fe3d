use std::sync::atomic::{AtomicU64, Ordering};

use http::Request;

use super::HandlerStop;
use crate::drain::{Arrivals, Entry, Guard, Registry, Tracker, Work};
use crate::model::Straggler;

/// What the clones of an in-flight layer share, behind one reference count: a service is cloned for each request.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) tracker: Tracker,
    pub(super) names: Option<Registry>,
    pub(super) stop: Option<HandlerStop>,
    pub(super) tell: bool,
    pub(super) arrivals: Option<Arrivals>,
    pub(super) cut: AtomicU64,
}

/// A request in flight, until it is dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "held for what their drop does")]
pub(super) struct InFlight {
    guard: Guard,
    name: Option<Entry>,
}

impl Shared {
    pub(super) fn begin<B>(&self, request: &mut Request<B>) -> InFlight {
        if let Some(stop) = &self.stop {
            if stop.is_stopping()
                && let Some(arrivals) = &self.arrivals
            {
                arrivals.note();
            }
            if self.tell {
                request.extensions_mut().insert(stop.clone());
            }
        }
        InFlight { guard: self.tracker.guard(), name: self.names.as_ref().map(|names| name(names, request)) }
    }

    /// Counts what is in flight as cut. What ends later counts as finished all the same: it is not ours to end.
    pub(super) fn cut_now(&self) {
        self.cut.fetch_add(self.tracker.in_flight(), Ordering::SeqCst);
    }
}

impl Work for Shared {
    fn in_flight(&self) -> u64 {
        self.tracker.in_flight()
    }

    fn finished(&self) -> u64 {
        self.tracker.finished()
    }

    fn cut(&self) -> u64 {
        self.cut.load(Ordering::SeqCst)
    }

    fn stragglers(&self) -> Vec<Straggler> {
        self.names.as_ref().map(Registry::stragglers).unwrap_or_default()
    }
}

fn name<B>(names: &Registry, request: &Request<B>) -> Entry {
    // The query is left out: it may hold what does not belong in a log.
    names.register(format!("{} {}", request.method(), request.uri().path()))
}
