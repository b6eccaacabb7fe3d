use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::{Method, Request, Uri};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::HandlerStop;
use crate::drain::{Arrivals, Entry, Guard, Registry, Tracker, Work, WorkCounts};
use crate::model::Straggler;
use crate::util::panics;

/// The state that the clones of an in-flight layer share, behind one reference count: a service is cloned for each request.
#[derive(Debug, Default)]
pub(super) struct InFlightState {
    pub(super) tracker: Tracker,
    /// The names of the requests, and the source location that enabled them.
    pub(super) names: Option<(Registry, &'static Location<'static>)>,
    pub(super) stop: Option<HandlerStop>,
    pub(super) tell: bool,
    pub(super) arrivals: Option<Arrivals>,
    /// The counts at the deadline, when the requests in flight were counted as cancelled.
    pub(super) at_cancel: OnceLock<WorkCounts>,
    pub(super) failed: AtomicU64,
    pub(super) abandoned: AtomicU64,
}

impl InFlightState {
    pub(super) fn begin<B>(self: &Arc<Self>, request: &mut Request<B>) -> InFlightRequest {
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
        let name = self.names.as_ref().map(|(names, created)| name(names, created, request));
        let (shared, request) = (Arc::clone(self), RequestLine::new(request));
        InFlightRequest { shared, ended: false, request, _guard: self.tracker.guard(), _name: name }
    }

    /// Counts the requests in flight as cancelled. Their later outcome is not counted: another server ends them.
    pub(super) fn cancel_now(&self) {
        let mut counts = self.counts_now();
        (counts.cancelled, counts.in_flight) = (counts.in_flight, 0);
        let _ = self.at_cancel.set(counts); // called once
    }

    fn counts_now(&self) -> WorkCounts {
        let mut counts = WorkCounts::default();
        // Outcomes are read before `begun`, so that the counts add up: a request that ends between the reads is counted once.
        counts.failed = self.failed.load(Ordering::SeqCst);
        counts.abandoned = self.abandoned.load(Ordering::SeqCst);
        counts.finished = self.tracker.finished().saturating_sub(counts.ended());
        counts.begun = self.tracker.begun();
        counts.in_flight = counts.begun.saturating_sub(counts.ended());
        counts
    }
}

impl Work for InFlightState {
    fn in_flight(&self) -> u64 {
        self.tracker.in_flight()
    }

    fn finished(&self) -> u64 {
        self.counts().finished
    }

    fn cancelled(&self) -> u64 {
        self.counts().cancelled
    }

    fn counts(&self) -> WorkCounts {
        self.at_cancel.get().copied().unwrap_or_else(|| self.counts_now())
    }

    fn stragglers(&self) -> Vec<Straggler> {
        self.names.as_ref().map(|(names, _)| names.stragglers()).unwrap_or_default()
    }
}

/// A request in flight, until it is dropped. It then counts as abandoned, unless `finish` or `fail` was called.
#[derive(Debug)]
pub(super) struct InFlightRequest {
    shared: Arc<InFlightState>,
    ended: bool,
    request: RequestLine,
    _guard: Guard,
    _name: Option<Entry>,
}

impl InFlightRequest {
    /// Ends the request: its response is complete.
    pub(super) fn finish(mut self) {
        self.ended = true;
    }

    /// Ends the request: the service has failed.
    pub(super) fn fail(mut self) {
        self.ended = true;
        self.shared.failed.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // Counted before the guard is dropped: otherwise a reader in between would count the request as finished.
        let count = if std::thread::panicking() { &self.shared.failed } else { &self.shared.abandoned };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

pin_project! {
    /// The body of a response whose request is in flight until the body has ended, has failed or is dropped.
    #[derive(Debug)]
    pub struct Counted<B> {
        #[pin]
        body: B,
        held: Option<InFlightRequest>,
        left: Option<u64>,
    }

    impl<B> PinnedDrop for Counted<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // If the length is known, a server may drop the body after the last byte without polling it for its end.
            if *this.left == Some(0) && let Some(held) = this.held.take() {
                held.finish();
            }
        }
    }
}

impl<B: Body> Counted<B> {
    /// Counts a response until its end. The body of a `bodiless` response is never sent.
    pub(super) fn new(body: B, held: Option<InFlightRequest>, bodiless: bool) -> Self {
        let left = if bodiless || body.is_end_stream() { Some(0) } else { body.size_hint().exact() };
        Self { body, held, left }
    }
}

impl<B: Body> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(run_and_log_panic(this.held.as_ref(), || this.body.poll_frame(cx)));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(left), Some(data)) = (this.left.as_mut(), frame.data_ref()) {
                    *left = left.saturating_sub(data.remaining() as u64);
                }
                if frame.is_trailers() {
                    // Trailers are the last frame: a server need not poll for the end after them.
                    this.held.take().into_iter().for_each(InFlightRequest::finish);
                }
            }
            Some(Err(_)) => {
                *this.left = None;
                this.held.take().into_iter().for_each(InFlightRequest::fail);
            }
            None => this.held.take().into_iter().for_each(InFlightRequest::finish),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Runs code of the service. A panic is logged with its request and resumed: the server decides what the client receives.
pub(super) fn run_and_log_panic<T>(held: Option<&InFlightRequest>, run: impl FnOnce() -> T) -> T {
    // Unwind safe: the panic is resumed, so no state that it may have left inconsistent is used.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => done,
        Err(panic) => {
            if let Some(RequestLine { method, uri, peer }) = held.map(|held| &held.request) {
                let (path, peer) = (uri.path(), peer.map(tracing::field::display));
                crate::runtime::log_error!(%method, path, peer, panic = panics::message(&*panic), "request handler panicked");
            }
            resume_unwind(panic)
        }
    }
}

/// The fields of a request for a log line. The URI is reference-counted: its text is not copied.
#[derive(Debug)]
struct RequestLine {
    method: Method,
    uri: Uri,
    peer: Option<SocketAddr>,
}

impl RequestLine {
    fn new<B>(request: &Request<B>) -> Self {
        Self { method: request.method().clone(), uri: request.uri().clone(), peer: peer(request) }
    }
}

#[cfg(feature = "axum-ws")]
fn peer<B>(request: &Request<B>) -> Option<SocketAddr> {
    use axum::extract::ConnectInfo;

    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer)
}

/// Returns no peer: the extension that carries it, `ConnectInfo`, is a type of axum.
#[cfg(not(feature = "axum-ws"))]
fn peer<B>(_request: &Request<B>) -> Option<SocketAddr> {
    None
}

fn name<B>(names: &Registry, created: &'static Location<'static>, request: &Request<B>) -> Entry {
    // The query is omitted: it may contain secrets.
    names.register_from(format!("{} {}", request.method(), request.uri().path()), created)
}
