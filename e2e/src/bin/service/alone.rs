//! A server without a lifecycle, whose runtime is blocked from the signal on. The argument `watched` gives it the watchdog.

use std::io;
use std::thread;

use axum::Router;
use axum::routing::get;
use ebbtide::LameDuck;
use ebbtide::layer::HandlerStop;
use tokio::net::TcpListener;

use crate::setup::{Arguments, log_to_stderr, sigterm};

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(mut arguments: Arguments) -> io::Result<()> {
    log_to_stderr();
    let watched = arguments.next().as_deref() == Some("watched");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let serve = ebbtide::http::serve(listener, Router::new().route("/block", get(block))).tell_handlers();
    let serve = if watched { serve.watchdog() } else { serve };
    serve.lame_duck(LameDuck::NONE).with_graceful_shutdown(sigterm()?).await?;
    Ok(())
}

async fn block(stop: HandlerStop) -> &'static str {
    eprintln!("asked");
    stop.stopping().await;
    loop {
        thread::park();
    }
}
