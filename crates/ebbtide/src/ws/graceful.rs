use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use tokio::time::Sleep;

use super::{CloseCode, Message};
use crate::drain::{Stop, Stopping};
use crate::model::part;

/// How many messages are delivered after the stop before the close frame goes out, however fast they come.
const LATE: u32 = 256;

/// How long the peer's answer to a close frame is waited for, unless it is set.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What a close frame has room for behind its code (RFC 6455 §5.5).
const LONGEST_REASON: usize = 123;

/// A WebSocket that closes when its token is raised. Behaves like the socket until then.
///
/// Raised, it delivers what has arrived already, so that the handler can answer it, then sends the close frame, goes on
/// delivering what the peer had sent before it saw that, delivers the peer's close frame, and ends. What the handler
/// sends after the close frame is thrown away and [counted](Self::unsent): the protocol allows no data behind it
/// (RFC 6455 §5.5.1), and the peer knows from the code that it must ask again elsewhere.
///
/// The close begins when the handler reads: one that only ever sends must read as well. A peer that sends nothing for
/// [`answer_within`](Self::answer_within) after the close frame is given up: that is logged, and the stream ends. Ebbtide's own
/// server counts its request as abandoned by the client.
///
/// # Which token
///
/// [`Handle::drain_token`](crate::Handle::drain_token), raised when the lame duck is over, is right for a service
/// behind a load balancer: a client that is sent away at the signal comes back at once, and while the lame duck lasts the
/// balancer may send it to the same instance again. Where clients find another instance by themselves, the stop's own
/// token gives them, and the handshake, the whole time.
///
/// # Cancel safety
///
/// All it knows is in itself: a read or a write that is dropped loses no message and no step of the handshake.
///
/// # Examples
///
/// ```
/// # #[cfg(all(feature = "axum-ws", feature = "http"))]
/// # fn routes(app: &ebbtide::Handle) -> axum::Router {
/// use axum::extract::ws::WebSocketUpgrade;
/// use axum::response::Response;
/// use axum::routing::any;
/// use ebbtide::ws::Graceful;
/// use futures_util::{SinkExt as _, StreamExt as _};
///
/// let stop = app.drain_token();
/// let echo = async |upgrade: WebSocketUpgrade| -> Response {
///     upgrade.on_upgrade(async move |socket| {
///         let mut socket = Graceful::new(socket, stop);
///         while let Some(Ok(message)) = socket.next().await {
///             if socket.send(message).await.is_err() {
///                 break;
///             }
///         }
///     })
/// };
/// # let stop = app.drain_token();
/// axum::Router::new().route("/echo", any(echo))
/// # }
/// ```
#[must_use = "a socket that is not read does not close"]
pub struct Graceful<S> {
    socket: S,
    stopping: Stopping<'static>,
    state: CloseState,
    late: u32,
    unsent: u64,
    code: CloseCode,
    reason: Cow<'static, str>,
    stop: Stop,
    answer_within: Duration,
    silence: Option<Pin<Box<Sleep>>>,
}

impl<S> Graceful<S> {
    /// Wraps a socket. When `stop` is stopping, it closes with 1001 and no reason.
    pub fn new(socket: S, stop: Stop) -> Self {
        Self {
            socket,
            stopping: stop.clone().stopping_owned(),
            state: CloseState::Open,
            late: 0,
            unsent: 0,
            code: CloseCode::GoingAway,
            reason: Cow::Borrowed(""),
            stop,
            answer_within: ANSWER_WITHIN,
            silence: None,
        }
    }

    /// Sets the code of the close frame. Default: 1001, going away.
    pub fn code(mut self, code: CloseCode) -> Self {
        self.code = code;
        self
    }

    /// Sets the reason in the close frame, for people who read logs. Only its first 123 bytes fit. Default: none.
    pub fn reason(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = reason.into();
        if self.reason.len() > LONGEST_REASON {
            let end = self.reason.floor_char_boundary(LONGEST_REASON);
            self.reason = Cow::Owned(self.reason[..end].to_owned());
        }
        self
    }

    /// Sets for how long the peer may send nothing, and take nothing, once the close has begun. At most half of the time that
    /// the token has left then. Default: 5 s.
    pub fn answer_within(mut self, time: Duration) -> Self {
        self.answer_within = time;
        self
    }

    /// Tells whether our close frame is on its way or out.
    pub fn is_closing(&self) -> bool {
        matches!(self.state, CloseState::ToSend | CloseState::Sending | CloseState::Sent)
    }

    /// Returns how many messages the handler sent when it was too late, which were thrown away.
    pub fn unsent(&self) -> u64 {
        self.unsent
    }

    /// Returns the socket.
    pub fn get_ref(&self) -> &S {
        &self.socket
    }

    /// Returns the socket, to change what it is told.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.socket
    }

    /// Gives the socket back. A close frame that is out stays out.
    pub fn into_inner(self) -> S {
        self.socket
    }
}

impl<S, M, E> Graceful<S>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    M: Message,
{
    /// Delivers the next message, and says what it does to the handshake.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<M, E>>> {
        let item = match Pin::new(&mut self.socket).poll_next(cx) {
            Poll::Ready(item) => item,
            Poll::Pending if self.is_closing() => {
                ready!(self.poll_silence(cx));
                None
            }
            Poll::Pending => return Poll::Pending,
        };
        self.silence = None;
        self.state = match (&item, self.state) {
            (Some(Ok(message)), CloseState::Open) if message.is_close() => CloseState::NotOurs,
            (Some(Ok(message)), CloseState::Sending | CloseState::Sent) if message.is_close() => {
                CloseState::Over
            }
            (Some(Ok(_)), state) => state,
            (Some(Err(_)) | None, _) => CloseState::Over,
        };
        Poll::Ready(item)
    }
}

impl<S> Graceful<S> {
    /// Waits until the peer has been silent for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { silence, stop, answer_within, .. } = self;
        let silence = silence.get_or_insert_with(|| {
            let left = stop.time_left().map_or(Duration::MAX, |left| part(left, 1, 2));
            Box::pin(tokio::time::sleep((*answer_within).min(left)))
        });
        ready!(silence.as_mut().poll(cx));
        crate::runtime::log_warn!("peer did not answer the close frame; dropping its WebSocket");
        Poll::Ready(())
    }
}

impl<S, M, E> Stream for Graceful<S>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    M: Message,
{
    type Item = Result<M, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            match this.state {
                CloseState::Open => {
                    // Asked first, so that our task is on its list when the socket has nothing.
                    let stopping = Pin::new(&mut this.stopping).poll(cx).is_ready();
                    if !stopping {
                        return this.poll_message(cx);
                    }
                    if this.late < LATE
                        && let Poll::Ready(item) = this.poll_message(cx)
                    {
                        this.late += 1;
                        return Poll::Ready(item);
                    }
                    this.state = CloseState::ToSend;
                }
                CloseState::ToSend => {
                    let ready = Pin::new(&mut this.socket).poll_ready(cx);
                    // A peer that does not read may be waiting for us to read.
                    let Poll::Ready(ready) = ready else { return this.poll_message(cx) };
                    let close = M::close(this.code.number(), &this.reason);
                    let sent = ready.and_then(|()| Pin::new(&mut this.socket).start_send(close));
                    this.state = if sent.is_ok() { CloseState::Sending } else { CloseState::Over };
                    if let Err(error) = sent {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                CloseState::Sending => match Pin::new(&mut this.socket).poll_flush(cx) {
                    Poll::Ready(Ok(())) => this.state = CloseState::Sent,
                    Poll::Ready(Err(error)) => {
                        this.state = CloseState::Over;
                        return Poll::Ready(Some(Err(error)));
                    }
                    Poll::Pending => return this.poll_message(cx),
                },
                CloseState::Sent | CloseState::NotOurs => return this.poll_message(cx),
                CloseState::Over => return Poll::Ready(None),
            }
        }
    }
}

impl<S, M, E> Sink<M> for Graceful<S>
where
    S: Sink<M, Error = E> + Unpin,
    M: Message,
{
    type Error = E;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        if self.state.is_closed_by_us() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: M) -> Result<(), E> {
        if self.state.is_closed_by_us() {
            self.unsent += 1;
            return Ok(());
        }
        if message.is_close() {
            self.state = CloseState::NotOurs;
        }
        Pin::new(&mut self.socket).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        Pin::new(&mut self.socket).poll_close(cx)
    }
}

impl<S> fmt::Debug for Graceful<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graceful")
            .field("state", &self.state)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// How far the closing handshake of a socket is (RFC 6455 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CloseState {
    /// Messages go both ways.
    Open,
    /// Our close frame is to be handed to the socket as soon as it takes one.
    ToSend,
    /// Our close frame is in the socket's buffer.
    Sending,
    /// Our close frame is out; what comes is what the peer sent before it saw it.
    Sent,
    /// The handshake is somebody else's: the peer began it, or the handler.
    NotOurs,
    /// Both have closed, or the socket is broken.
    Over,
}

impl CloseState {
    /// Tells whether we have closed, so that the protocol allows no further data (RFC 6455 §5.5.1).
    fn is_closed_by_us(self) -> bool {
        matches!(self, Self::Sending | Self::Sent | Self::Over)
    }
}
