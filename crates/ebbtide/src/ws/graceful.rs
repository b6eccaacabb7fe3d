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

/// Maximum number of messages delivered after the token is stopping and before the close frame: a fast peer must not delay it.
const LATE: u32 = 256;

/// Default timeout for the peer's close frame.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Maximum length of the reason in a close frame, in bytes (RFC 6455 §5.5).
const LONGEST_REASON: usize = 123;

/// A WebSocket that closes when its token is stopping. It behaves like the wrapped socket until then.
///
/// When the token is stopping, the stream does the following, in this order:
///
/// 1. It delivers the messages that have arrived already, so that the handler can answer them: at most 256.
/// 2. It sends the close frame.
/// 3. It delivers the messages that the peer sent before it received the close frame.
/// 4. It delivers the peer's close frame, and ends.
///
/// Messages that the handler sends after the close frame are discarded and [counted](Self::unsent): the protocol allows no
/// data after a close frame (RFC 6455 §5.5.1). The code tells the peer that it must repeat its requests elsewhere.
///
/// The close begins when the handler reads: a handler that only sends must read as well. A peer that sends nothing for
/// [`answer_within`](Self::answer_within) after the close frame is given up: a warning is logged, and the stream ends. Ebbtide's
/// server counts its request as abandoned by the client.
///
/// # Which token
///
/// Behind a load balancer, use [`Handle::drain_token`](crate::Handle::drain_token), which is stopping when the lame duck has
/// ended. A client that is disconnected at the stop signal reconnects immediately, and during the lame duck the balancer may
/// route it to the same instance again. Where clients find another instance without a balancer, use
/// [`Handle::stop_token`](crate::Handle::stop_token): the clients and the handshake then have the whole time.
///
/// # Cancel safety
///
/// All state is in this value: a read or a write that is dropped loses no message and no step of the handshake.
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
#[must_use = "a socket closes only while it is read"]
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
    /// Wraps a socket, which closes with code 1001 and no reason when `stop` is stopping.
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

    /// Sets the status code of the close frame. Default: 1001, going away.
    pub fn code(mut self, code: CloseCode) -> Self {
        self.code = code;
        self
    }

    /// Sets the reason in the close frame, for the peer's logs. It is truncated to 123 bytes. Default: none.
    pub fn reason(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = reason.into();
        if self.reason.len() > LONGEST_REASON {
            let end = self.reason.floor_char_boundary(LONGEST_REASON);
            self.reason = Cow::Owned(self.reason[..end].to_owned());
        }
        self
    }

    /// Sets for how long the peer may neither send nor accept data once the close has begun. Default: 5 s.
    ///
    /// It is limited to half of the token's time left.
    pub fn answer_within(mut self, time: Duration) -> Self {
        self.answer_within = time;
        self
    }

    /// Returns whether this side has begun to close: its close frame is pending or sent.
    pub fn is_closing(&self) -> bool {
        matches!(self.state, CloseState::ToSend | CloseState::Sending | CloseState::Sent)
    }

    /// Returns how many messages were discarded because the handler sent them after the close frame.
    pub fn unsent(&self) -> u64 {
        self.unsent
    }

    /// Returns a reference to the socket.
    pub fn get_ref(&self) -> &S {
        &self.socket
    }

    /// Returns a mutable reference to the socket, for example to change its settings.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.socket
    }

    /// Returns the socket. A close frame that was sent cannot be revoked.
    pub fn into_inner(self) -> S {
        self.socket
    }
}

impl<S, M, E> Graceful<S>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    M: Message,
{
    /// Delivers the next message, and updates the state of the closing handshake.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<M, E>>> {
        let item = match Pin::new(&mut self.socket).poll_next(cx) {
            Poll::Ready(item) => item,
            Poll::Pending if self.is_closing() => {
                ready!(self.poll_peer_timeout(cx));
                None
            }
            Poll::Pending => return Poll::Pending,
        };
        self.silence = None;
        self.state = match (&item, self.state) {
            (Some(Ok(message)), CloseState::Open) if message.is_close() => CloseState::ClosedByOther,
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
    /// Waits until the timeout for the peer's next message has passed.
    fn poll_peer_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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
                    // Polled first: the token must have this task's waker when the socket is pending.
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
                    // A peer that does not read may be blocked until this side reads.
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
                CloseState::Sent | CloseState::ClosedByOther => return this.poll_message(cx),
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
        if self.state.is_closed_locally() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: M) -> Result<(), E> {
        if self.state.is_closed_locally() {
            self.unsent += 1;
            return Ok(());
        }
        if message.is_close() {
            self.state = CloseState::ClosedByOther;
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

/// The state of a socket's closing handshake (RFC 6455 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CloseState {
    /// Both sides may send messages.
    Open,
    /// The close frame of this side is created, but the socket is not ready for it yet.
    ToSend,
    /// The close frame of this side is in the socket's buffer.
    Sending,
    /// The close frame of this side is sent; incoming messages were sent before the peer received it.
    Sent,
    /// The peer or the handler began the handshake.
    ClosedByOther,
    /// Both sides have closed, or the socket has failed.
    Over,
}

impl CloseState {
    /// Returns whether this side has closed, so that the protocol allows no further data (RFC 6455 §5.5.1).
    fn is_closed_locally(self) -> bool {
        matches!(self, Self::Sending | Self::Sent | Self::Over)
    }
}
