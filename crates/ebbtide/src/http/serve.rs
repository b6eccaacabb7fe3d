use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::TcpStream;
use tower_service::Service;

use super::accept::Acceptor;
use super::conn::{Held, Io};
use super::drive::drive;
use super::ledger::{Context, Ledger, Order};
use super::{BoxError, CloseMode, Listener, ServeError, close};

/// How long connections get to notice that they were cut. What does not by then blocks its thread, and is not ours to
/// wait for.
const CUT_PATIENCE: Duration = Duration::from_millis(200);

pub(super) async fn serve<S, B>(service: S, listener: Listener, context: Context) -> Result<(), ServeError>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let (listener, shared) = listener.register().map_err(ServeError::Listener)?;
    let context = Arc::new(context);
    let Context { ledger, settings, stop, .. } = &*context;
    let _abandoned = CutOnDrop(Arc::clone(ledger));
    let mut serve_one = {
        let context = Arc::clone(&context);
        move |stream: TcpStream, from: SocketAddr| {
            let held = Held::new(&context, &stream, from);
            drive(Io::new(held, stream), service.clone());
        }
    };

    let mut acceptor = Acceptor::new(listener);
    accept_until(&mut acceptor, stop.stopping(), &mut serve_one).await;

    let drained = async {
        if settings.close_mode == CloseMode::Abrupt {
            drop(acceptor);
            ledger.raise(Order::Abrupt);
        } else {
            ledger.raise(Order::Drain);
            if !shared {
                close::close(acceptor, settings.close_mode, serve_one).await;
            }
        }
        ledger.emptied().await;
    };
    tokio::select! {
        biased;
        () = drained => {}
        () = stop.cut() => {
            ledger.cut_all();
            let _ = tokio::time::timeout(CUT_PATIENCE, ledger.emptied()).await;
        }
    }
    Ok(())
}

async fn accept_until(
    acceptor: &mut Acceptor,
    end: impl Future<Output = ()>,
    mut serve_one: impl FnMut(TcpStream, SocketAddr),
) {
    let accepting = async {
        loop {
            let (stream, from) = acceptor.accept().await;
            serve_one(stream, from);
        }
    };
    tokio::select! {
        biased;
        () = end => {}
        never = accepting => never,
    }
}

/// Cuts what is left when serving ends, also when it was cancelled.
struct CutOnDrop(Arc<Ledger>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.cut_all();
    }
}
