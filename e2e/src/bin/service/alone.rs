//! A server without a lifecycle, whose handler blocks its thread from the signal on: the only one of the runtime, or with the argument
//! `workers` one of several. The argument `watched` gives it the watchdog.

use std::io;
use std::thread;

use axum::Router;
use axum::routing::get;
use ebbtide::LameDuck;
use ebbtide::layer::HandlerStop;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::setup::{Arguments, log_to_stderr, sigterm};

pub(crate) fn run(arguments: Arguments) -> io::Result<()> {
    log_to_stderr();
    let has = |word: &str| arguments.as_slice().iter().any(|argument| argument == word);
    let mut builder =
        if has("workers") { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    let runtime = builder.worker_threads(4).enable_all().build()?;
    runtime.block_on(serve(has("watched")))
}

async fn serve(watched: bool) -> io::Result<()> {
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
