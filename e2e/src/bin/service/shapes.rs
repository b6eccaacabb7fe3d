//! A service with every shape of request, stopped by Ebbtide. `--help` names what can be set; the plan is set by the
//! environment, as for any lifecycle.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use ebbtide::Lifecycle;
use ebbtide::http::{CloseMode, Server};
use ebbtide_e2e::{raise_open_files, routes};

use crate::setup::{Arguments, log_to_stderr};

const USAGE: &str = "shapes [--listen ADDRESS] [--close lossless|syn-filter|hop-limit|backlog|abrupt]
       [--first-byte-ms N] [--idle-ms N] [--header-ms N] [--linger-ms N] [--no-announcement]";

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    Lifecycle::new("shapes").worker_threads(2).run(async move |app| {
        raise_open_files()?;
        let mut server = Server::new(app.health_handle().wrap(routes()));
        let mut listen = "127.0.0.1:0".to_owned();
        while let Some(arg) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
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
                _ => return Err(USAGE.into()),
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
        _ => return Err(USAGE),
    })
}
