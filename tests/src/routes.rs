//! The routes of the servers and the bytes of their bodies.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::routing::{get, post};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::task::JoinSet;
use tokio::time::Sleep;

/// Returns the routes of every server, Ebbtide's and the peers': each kind of request that can be in flight at a shutdown.
///
/// - `GET /ping`: at once.
/// - `GET` or `POST /slow?ms=`: after that time.
/// - `GET /never`: never; prints `asked for /never` on standard error.
/// - `POST /upload`: responds with the number of received bytes, and whether they are those of [`pattern`].
/// - `GET /download?bytes=&ms=&known=`: that many bytes of [`pattern`], with a pause of `ms` before each 16 KiB, with a length
///   in the head if `known`.
/// - `GET /hangs?known=`: half of a body; then logs `a body hangs` and blocks its thread forever.
/// - `GET /hang`: blocks up to four threads of the runtime, and logs `N threads hang` for each.
pub fn routes() -> Router {
    Router::new()
        .route("/ping", get(async || "pong"))
        .route("/slow", get(slow).post(slow))
        .route("/never", get(never))
        .route("/upload", post(upload))
        .route("/download", get(download))
        .route("/hangs", get(hangs))
        .route("/hang", get(hang))
}

#[derive(serde::Deserialize)]
struct Slow {
    ms: u64,
}

async fn slow(Query(slow): Query<Slow>) -> &'static str {
    tokio::time::sleep(Duration::from_millis(slow.ms)).await;
    "done"
}

#[expect(clippy::print_stderr, reason = "a test waits for this line: a peer has no other log")]
async fn never() {
    eprintln!("asked for /never");
    std::future::pending().await
}

async fn upload(mut body: Body) -> String {
    let (mut length, mut right) = (0, true);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return format!("{length} broken") };
        if let Some(data) = frame.data_ref() {
            right &= pattern::is_at(length, data);
            length += data.len() as u64;
        }
    }
    format!("{length} {}", if right { "whole" } else { "wrong" })
}

#[derive(serde::Deserialize)]
struct Size {
    bytes: u64,
    ms: u64,
    known: bool,
}

async fn download(Query(size): Query<Size>) -> Body {
    let pause = Duration::from_millis(size.ms);
    Body::new(Download { at: 0, end: size.bytes, known: size.known, pause, timer: None })
}

struct Download {
    at: u64,
    end: u64,
    known: bool,
    pause: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Download {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const CHUNK: u64 = 16 * 1024;
        if self.at == self.end {
            return Poll::Ready(None);
        }
        if !self.pause.is_zero() {
            let pause = self.pause;
            ready!(self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause))).as_mut().poll(cx));
            self.timer = None;
        }
        let length = CHUNK.min(self.end - self.at);
        let chunk = pattern::bytes(self.at, length as usize);
        self.at += length;
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.known { SizeHint::with_exact(self.end - self.at) } else { SizeHint::default() }
    }
}

async fn hang() {
    static HANGING: AtomicU32 = AtomicU32::new(0);
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        tasks.spawn(async {
            tracing::info!("{} threads hang", HANGING.fetch_add(1, Ordering::SeqCst) + 1);
            std::thread::sleep(Duration::MAX);
        });
    }
    tasks.detach_all();
}

#[derive(serde::Deserialize)]
struct Known {
    known: bool,
}

async fn hangs(Query(Known { known }): Query<Known>) -> Body {
    Body::new(Hangs { known, sent: false, timer: Box::pin(tokio::time::sleep(Duration::from_millis(20))) })
}

struct Hangs {
    known: bool,
    sent: bool,
    /// The pause after the first half, so that it is sent.
    timer: Pin<Box<Sleep>>,
}

impl http_body::Body for Hangs {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.sent {
            self.sent = true;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"half")))));
        }
        ready!(self.timer.as_mut().poll(cx));
        tracing::info!("a body hangs");
        std::thread::sleep(Duration::MAX);
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        if self.known { SizeHint::with_exact(8 - 4 * u64::from(self.sent)) } else { SizeHint::default() }
    }
}

/// Bytes that depend on their position: a missing, duplicated or foreign byte is detected.
pub mod pattern {
    /// Returns the byte at a position.
    pub fn byte(at: u64) -> u8 {
        word(at / 8)[(at % 8) as usize]
    }

    /// Returns `length` bytes from a position on.
    pub fn bytes(at: u64, length: usize) -> Vec<u8> {
        let before = (at % 8) as usize;
        let mut bytes = Vec::with_capacity(before + length + 8);
        for index in (at / 8..).take((before + length).div_ceil(8)) {
            bytes.extend_from_slice(&word(index));
        }
        bytes.truncate(before + length);
        bytes.drain(..before);
        bytes
    }

    /// Returns whether `bytes` are those from a position on.
    pub fn is_at(at: u64, bytes: &[u8]) -> bool {
        self::bytes(at, bytes.len()) == bytes
    }

    /// The finaliser of SplitMix64: similar inputs have unrelated outputs.
    fn word(index: u64) -> [u8; 8] {
        let mut word = index.wrapping_add(0x9E37_79B9_7F4A_7C15);
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)).to_le_bytes()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn bytes_are_the_same_one_by_one_and_together() {
            for at in 0..20 {
                let one_by_one: Vec<u8> = (at..at + 30).map(byte).collect();
                assert_eq!(bytes(at, 30), one_by_one, "from {at} on");
            }
        }

        #[test]
        fn what_is_missing_or_doubled_is_seen() {
            let whole = bytes(0, 1000);
            assert!((0..100).all(|at| is_at(at, &whole[at as usize..500 + at as usize])));
            assert!(!is_at(0, &whole[1..]) && !is_at(500, &whole[492..]));
            assert!(!is_at(0, &[&whole[..300], &whole[301..]].concat()));
        }
    }
}
