use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use std::{fmt, io};

use super::conn::{ConnGuard, Io};
use super::drive::drive;
use super::listener::{Accepted, Acceptor, close_all};
use super::registry::{ConnRegistry, Order};
use super::settings::ServerContext;
use super::{BoxError, HttpService, Listener, Listeners};
use crate::model::Report;
use crate::util::chain;

/// How long cancelled connections get to end. One that has not ended by then blocks its thread, and waiting does not
/// help.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(200);

pub(super) async fn serve<S>(
    service: S,
    listeners: io::Result<Listeners>,
    context: ServerContext,
) -> Result<(), ServeError>
where
    S: HttpService,
{
    let (mut acceptors, shared) = register(listeners.map_err(ServeError::Listener)?)?;
    let context = Arc::new(context);
    let ServerContext { registry, settings, announced, stop, .. } = &*context;
    let _abandoned = CancelOnDrop(Arc::clone(registry));
    let mut serve_one = {
        let context = Arc::clone(&context);
        move |accepted: Accepted| {
            let Accepted { socket, from, via } = accepted;
            let guard = ConnGuard::new(&context, &socket, from);
            drive(Io::new(guard, socket, &via), service.clone());
        }
    };

    let lame_duck_over = async {
        tokio::select! {
            biased;
            () = stop.stopping() => return,
            () = announced.stopping() => registry.raise(Order::Announce),
        }
        stop.stopping().await;
    };
    tokio::select! {
        biased;
        () = lame_duck_over => {}
        never = accept_all(&mut acceptors, &context, &mut serve_one) => match never {},
        never = registry.park_idle(settings.park_after) => match never {},
    }

    let mut drained = Box::pin(async {
        if settings.is_orderly() {
            registry.drain(stop.time_left());
            let ours = acceptors.into_iter().zip(shared);
            let ours = ours.filter_map(|(acceptor, shared)| (!shared).then_some(acceptor)).collect();
            close_all(ours, settings.close_mode, stop, serve_one).await;
        } else {
            drop(acceptors);
            registry.raise(Order::Abrupt);
        }
        registry.emptied().await;
    });
    tokio::select! {
        biased;
        () = &mut drained => return Ok(()),
        never = registry.end_unanswered_closes(&context) => match never {},
        () = stop.cancelled() => {}
    }
    if settings.is_orderly() {
        // The listeners are still emptied meanwhile: a refused request frees the descriptor that one in the queue needs.
        registry.raise(Order::Refuse);
        let _ = tokio::time::timeout(settings.refusal_time, &mut drained).await;
    }
    drop(drained);
    registry.cancel_all();
    let _ = tokio::time::timeout(CANCEL_TIMEOUT, registry.emptied()).await;
    Ok(())
}

/// Registers the listeners with the runtime; also returns which of them are shared with other processes.
fn register(listeners: Listeners) -> Result<(Vec<Acceptor>, Vec<bool>), ServeError> {
    let listeners = listeners.into_vec();
    if listeners.is_empty() {
        return Err(ServeError::NoListener);
    }
    let shared = listeners.iter().map(Listener::is_shared).collect();
    let registered = listeners.into_iter().map(|listener| {
        let via = listener.via().clone();
        listener.register().map(|listening| Acceptor::new(listening, via))
    });
    Ok((registered.collect::<Result<_, _>>().map_err(ServeError::Listener)?, shared))
}

/// Accepts from every listener, forever, up to the maximum number of connections.
async fn accept_all(
    acceptors: &mut [Acceptor],
    context: &ServerContext,
    mut serve_one: impl FnMut(Accepted),
) -> Infallible {
    // A burst on one listener must not starve the others.
    const ROUND: usize = 64;
    let registry = &context.registry;
    let limit = context.settings.max_connections;
    poll_fn(|cx| {
        let mut more = false;
        for acceptor in &mut *acceptors {
            let mut accepted = 0;
            while accepted < ROUND
                && limit.is_none_or(|limit| registry.has_room(limit, cx.waker()))
                && let Poll::Ready(one) = acceptor.poll_accept(cx)
            {
                serve_one(one);
                accepted += 1;
            }
            more |= accepted == ROUND;
        }
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await
}

/// Cancels the remaining connections when serving ends, also when the future was dropped.
struct CancelOnDrop(Arc<ConnRegistry>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel_all();
    }
}

/// Why a server could not serve, or could not finish.
///
/// A failed `accept` is not among the reasons: the server pauses and retries.
///
/// Its [`Debug`] output is its message with its sources, because `main` prints the `Debug` output of the error that it
/// returns.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A listener cannot be used: its socket does not listen, or the runtime has no I/O enabled.
    #[error("cannot use the listener")]
    Listener(#[source] io::Error),
    /// No listener was given. Bind one, or pass sockets to a service that uses inherited ones.
    #[error("no listener was given")]
    NoListener,
    /// The shutdown cannot be planned: the budget cannot work, or an environment variable is invalid. Returned only by
    /// [`serve`](super::serve()).
    #[error("cannot plan the shutdown")]
    Plan(#[source] BoxError),
    /// The watchdog thread could not be started. Returned only by [`serve`](super::serve()).
    #[error("cannot start the watchdog thread")]
    Watchdog(#[source] io::Error),
    /// The server stopped, and cancelled what had not finished at its deadline. Returned only by
    /// [`serve`](super::serve()); contains the report.
    #[error("{}", Cancelled(.0))]
    Cancelled(Box<Report>),
}

impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(self))
    }
}

/// Converts the error for a `main` that returns [`io::Result`]. Cancelled requests are listed in the message; match
/// [`ServeError::Cancelled`] for the report.
impl From<ServeError> for io::Error {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Listener(source) => Self::new(source.kind(), ServeError::Listener(source)),
            ServeError::Watchdog(source) => Self::new(source.kind(), ServeError::Watchdog(source)),
            ServeError::Plan(source) => Self::new(
                io::ErrorKind::InvalidInput,
                format!("cannot plan the shutdown: {}", chain(&*source)),
            ),
            // As text: a `main` that returns it prints its `Debug` on standard error.
            other => Self::other(other.to_string()),
        }
    }
}

struct Cancelled<'a>(&'a Report);

impl fmt::Display for Cancelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        let cancelled = self.0.totals().cancelled;
        write!(f, "{cancelled} in flight cancelled at the deadline")?;
        let guard = self.0.undrained().flat_map(|component| &component.stragglers);
        for (n, straggler) in guard.take(SHOWN).enumerate() {
            write!(f, "{} {}", if n == 0 { ":" } else { "," }, straggler.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;
    use crate::model::{Budget, Platform};
    use crate::runtime::LifecycleLedger;

    #[test]
    fn error_texts_have_the_form() {
        let plan = Budget::of(Platform::Plain).plan().expect("the default fits");
        let ledger = LifecycleLedger::new("api".to_owned(), plan);
        error_form::walk! {
            ServeError::Listener(_) => ServeError::Listener(io::Error::other("not listening"));
            ServeError::NoListener => ServeError::NoListener;
            ServeError::Plan(_) => ServeError::Plan("no grace period".into());
            ServeError::Watchdog(_) => ServeError::Watchdog(io::Error::other("too many threads"));
            ServeError::Cancelled(_) => ServeError::Cancelled(Box::new(ledger.report(None)));
        }
    }
}
