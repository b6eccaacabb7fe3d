//! Conversions between [`Stop`] and tokio-util's [`CancellationToken`], for code that accepts or has one.
//!
//! A `CancellationToken` has one level, a [`Stop`] has two. The token corresponds to the first, *stopping*: the shutdown
//! has begun; finish the work in progress.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use ebbtide::drain::StopSource;
//! use ebbtide::model::Cause;
//! use tokio_util::sync::CancellationToken;
//!
//! let source = StopSource::new();
//! let token = ebbtide::cancellation::to_token(source.token());
//! source.stop(Cause::Requested { reason: "example".into() }, None);
//! token.cancelled().await;
//!
//! let token = CancellationToken::new();
//! let stop = ebbtide::cancellation::from_token(token.clone());
//! token.cancel();
//! stop.stopping().await;
//! # }
//! ```

use tokio_util::sync::CancellationToken;

use crate::drain::{Stop, StopSource};
use crate::lifecycle::Handle;
use crate::model::Cause;
use crate::util::clock;

/// Returns a token that is cancelled when `stop` is stopping.
///
/// Each call spawns a task that waits for that: create one token and pass on its
/// [`child_token`](CancellationToken::child_token)s, rather than a token for each piece of work. Cancelling the returned
/// token does not stop `stop`.
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn to_token(stop: Stop) -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    watch(async move {
        stop.stopping().await;
        cancelled.cancel();
    });
    token
}

/// Returns a stop token that is stopping, without a deadline, when `token` is cancelled. It is never cancelled itself.
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn from_token(token: CancellationToken) -> Stop {
    let source = StopSource::with_clock(clock::now);
    let stop = source.token();
    watch(async move {
        token.cancelled().await;
        source.stop(Cause::Requested { reason: REASON.to_owned() }, None);
    });
    stop
}

/// Cancellation tokens.
impl Handle {
    /// Returns a token that is cancelled when the shutdown begins; see [`to_token`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn cancellation_token(&self) -> CancellationToken {
        to_token(self.stop_token())
    }

    /// Begins the shutdown when `token` is cancelled.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn stop_when_cancelled(&self, token: CancellationToken) {
        let (app, over) = (self.clone(), self.stop_token());
        watch(async move {
            if over.unless_stopping(token.cancelled()).await.is_some() {
                app.stop(REASON);
            }
        });
    }
}

const REASON: &str = "cancellation token cancelled";

#[expect(clippy::disallowed_methods, reason = "the task only waits, owns no work, and ends with the runtime")]
fn watch(until: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(until));
}
