use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::accept::{Accepted, Acceptor};
use super::conn::{Held, Io};
use super::drive::drive;
use super::ledger::{Context, Ledger};
use super::order::Order;
use super::{HttpService, Listener, Listeners, ServeError, close};

/// How long connections get to notice that they were cut. What does not by then blocks its thread, and is not ours to
/// wait for.
const CUT_PATIENCE: Duration = Duration::from_millis(200);

pub(super) async fn serve<S>(service: S, listeners: Listeners, context: Context) -> Result<(), ServeError>
where
    S: HttpService,
{
    let (mut acceptors, shared) = register(listeners)?;
    let context = Arc::new(context);
    let Context { ledger, settings, announced, stop, .. } = &*context;
    let _abandoned = CutOnDrop(Arc::clone(ledger));
    let mut serve_one = {
        let context = Arc::clone(&context);
        move |accepted: Accepted| {
            let Accepted { socket, from, via } = accepted;
            let held = Held::new(&context, &socket, from);
            drive(Io::new(held, socket, &via), service.clone());
        }
    };

    let lame_duck_over = async {
        tokio::select! {
            biased;
            () = stop.stopping() => return,
            () = announced.stopping() => ledger.raise(Order::Announce),
        }
        stop.stopping().await;
    };
    tokio::select! {
        biased;
        () = lame_duck_over => {}
        never = accept_all(&mut acceptors, &context, &mut serve_one) => match never {},
    }

    let mut drained = Box::pin(async {
        if settings.is_orderly() {
            ledger.drain(stop.time_left());
            let ours = acceptors.into_iter().zip(shared);
            let ours = ours.filter_map(|(acceptor, shared)| (!shared).then_some(acceptor)).collect();
            close::close_all(ours, settings.close_mode, stop, serve_one).await;
        } else {
            drop(acceptors);
            ledger.raise(Order::Abrupt);
        }
        ledger.emptied().await;
    });
    tokio::select! {
        biased;
        () = &mut drained => return Ok(()),
        never = ledger.give_up_farewells(&context) => match never {},
        () = stop.cancelled() => {}
    }
    if settings.is_orderly() {
        // The listeners are still emptied meanwhile: a refused request frees the descriptor that one in the queue needs.
        ledger.raise(Order::Refuse);
        let _ = tokio::time::timeout(settings.refusal_time, &mut drained).await;
    }
    drop(drained);
    ledger.cut_all();
    let _ = tokio::time::timeout(CUT_PATIENCE, ledger.emptied()).await;
    Ok(())
}

/// Hands the listeners to the runtime; tells which of them others hold too.
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

/// Accepts from every listener, for ever, as many connections at once as the settings allow.
async fn accept_all(
    acceptors: &mut [Acceptor],
    context: &Context,
    mut serve_one: impl FnMut(Accepted),
) -> Infallible {
    // One listener's storm shall not keep the others waiting.
    const ROUND: usize = 64;
    let ledger = &context.ledger;
    let limit = context.settings.max_connections;
    poll_fn(|cx| {
        let mut more = false;
        for acceptor in &mut *acceptors {
            let mut accepted = 0;
            while accepted < ROUND
                && limit.is_none_or(|limit| ledger.has_room(limit, cx.waker()))
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

/// Cuts what is left when serving ends, also when it was cancelled.
struct CutOnDrop(Arc<Ledger>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.cut_all();
    }
}
