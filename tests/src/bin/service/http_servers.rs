//! HTTP servers with every shape of request, and clients that load a server.

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{io, thread};

use axum::Router;
use axum::routing::get;
use ebbtide::drain::StopSource;
use ebbtide::http::{CloseMode, Listener, Server};
use ebbtide::layer::HandlerStop;
use ebbtide::model::Cause;
use ebbtide::{LameDuck, Lifecycle};
use ebbtide_tests::storm::{Clients, Storm};
use ebbtide_tests::{LATE_PORTS, raise_open_files, routes};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::{Arguments, log_to_stderr, sigterm};

const SHAPES: &str = "shapes [--listen ADDRESS] [--close lossless|syn-filter|hop-limit|backlog|abrupt]
       [--first-byte-ms N] [--idle-ms N] [--header-ms N] [--linger-ms N] [--no-announcement]";

/// A service with every shape of request, stopped by Ebbtide. `--help` lists the options; the environment sets the plan, as for any
/// lifecycle.
pub(crate) fn shapes(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    Lifecycle::new("shapes").worker_threads(2).run(async move |app| {
        raise_open_files()?;
        let mut server = Server::new(app.health_handle().wrap(routes()));
        let mut listen = "127.0.0.1:0".to_owned();
        while let Some(arg) = arguments.next() {
            let mut value = || arguments.next().ok_or(SHAPES);
            server = match arg.as_str() {
                "--listen" => {
                    listen = value()?;
                    server
                }
                "--close" => server.close_mode(close_mode(&value()?)?),
                "--first-byte-ms" => server.first_byte_grace(millis(&value()?)?),
                "--idle-ms" => server.idle_quiet(millis(&value()?)?),
                "--header-ms" => server.header_timeout(millis(&value()?)?),
                "--linger-ms" => server.linger(millis(&value()?)?),
                "--no-announcement" => server.announce_close(false),
                _ => return Err(SHAPES.into()),
            };
        }
        let listener = app.bind(listen).await?;
        eprintln!("listening on {}", listener.local_addr());
        app.http_server("api", listener, server);
        Ok(())
    })
}

fn millis(number: &str) -> Result<Duration, Box<dyn Error + Send + Sync>> {
    Ok(Duration::from_millis(number.parse()?))
}

fn close_mode(name: &str) -> Result<CloseMode, &'static str> {
    Ok(match name {
        "lossless" => CloseMode::Lossless,
        "syn-filter" => CloseMode::SynFilter,
        "hop-limit" => CloseMode::HopLimit,
        "backlog" => CloseMode::Backlog,
        "abrupt" => CloseMode::Abrupt,
        _ => return Err(SHAPES),
    })
}

/// A server without a lifecycle, whose handler blocks its thread from the signal on: the only thread of the runtime, or with the argument
/// `workers` one of several. With the argument `watched` it has the watchdog.
pub(crate) fn alone(arguments: Arguments) -> io::Result<()> {
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
    let serve = ebbtide::http::serve(listener, Router::new().route("/block", get(block))).notify_handlers();
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

#[expect(clippy::disallowed_methods, reason = "the token's clock")]
fn now() -> Instant {
    Instant::now()
}

/// A server that opens and closes on command. Arguments: the address, and `abrupt` for the opposite. Reads the lines `open` and `close`;
/// the responses contain the number of the round.
#[tokio::main]
pub(crate) async fn closer(mut arguments: Arguments) -> Result<(), Box<dyn Error>> {
    raise_open_files()?;
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false).init();
    let address = arguments.next().ok_or("closer ADDRESS [abrupt]")?;
    let mode =
        if arguments.next().as_deref() == Some("abrupt") { CloseMode::Abrupt } else { CloseMode::Lossless };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut round = 0;
    while lines.next_line().await?.as_deref() == Some("open") {
        let listener = Listener::bind(&address).await?;
        println!("open {round} at {}", listener.local_addr());
        let stop = StopSource::with_clock(now);
        let server = Server::new(routes()).close_mode(mode);
        let work = server.work();
        let serving = server.serve(listener, stop.token(), stop.token());
        let told = async {
            let told = lines.next_line().await;
            stop.stop(Cause::Requested { reason: "told".into() }, None);
            told
        };
        let (served, told) = tokio::join!(serving, told);
        served?;
        told?;
        println!("closed {round} finished={} cancelled={}", work.finished(), work.cancelled());
        round += 1;
    }
    Ok(())
}

/// Clients for a server in another namespace. Reads the lines `begin ADDRESS FRESH LATE KEPT` and, after the server has exited, `gone`;
/// the responses contain the number of the round.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn storm(_: Arguments) -> Result<(), Box<dyn Error>> {
    raise_open_files()?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut round = 0;
    while let Some(line) = lines.next_line().await? {
        let ["begin", to, fresh, late, kept] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(format!("unknown command `{line}`").into());
        };
        let mut storm = Storm::begin(Clients {
            to: to.parse()?,
            fresh: fresh.parse()?,
            late: late.parse()?,
            ports: LATE_PORTS,
            kept: kept.parse()?,
            thinking: Duration::from_millis(20),
        });
        storm.is_up().await?;
        println!("storm {round} is up");
        if lines.next_line().await?.as_deref() != Some("gone") {
            return Ok(());
        }
        println!("storm {round}: {}", storm.gone().await?);
        round += 1;
    }
    Ok(())
}
