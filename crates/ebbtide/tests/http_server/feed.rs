//! A response body that the test feeds.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::Frame;
use tokio::sync::mpsc;

/// Where the test puts what the body sends; dropped, the body ends.
pub(crate) struct Feed {
    sender: mpsc::UnboundedSender<Bytes>,
    dropped: Arc<AtomicBool>,
}

/// Gives the body to the first request that asks for it.
#[derive(Clone)]
pub(crate) struct Fed(Arc<Mutex<Option<Feeding>>>);

struct Feeding {
    receiver: mpsc::UnboundedReceiver<Bytes>,
    dropped: Arc<AtomicBool>,
}

pub(crate) fn feed() -> (Feed, Fed) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let dropped = Arc::new(AtomicBool::new(false));
    let feeding = Feeding { receiver, dropped: Arc::clone(&dropped) };
    (Feed { sender, dropped }, Fed(Arc::new(Mutex::new(Some(feeding)))))
}

impl Feed {
    pub(crate) fn send(&self, bytes: &'static str) {
        self.sender.send(Bytes::from_static(bytes.as_bytes())).unwrap();
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::SeqCst)
    }
}

impl Fed {
    pub(crate) fn body(&self) -> Body {
        self.0.lock().unwrap().take().map_or_else(Body::empty, Body::new)
    }
}

impl http_body::Body for Feeding {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.receiver.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl Drop for Feeding {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::SeqCst);
    }
}
