//! A service on the sockets that its service manager passed: all of them, or, with a name as its argument, those of that
//! name. `/pid` answers with the process's id, after as many milliseconds as `?ms=` says.

use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use ebbtide::http::Listener;
use ebbtide::{LameDuck, Lifecycle};

use crate::setup::{Arguments, log_to_stderr};

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    Lifecycle::new("inherits").worker_threads(2).lame_duck(LameDuck::NONE).run(async move |app| {
        let name = arguments.next();
        let listeners = match &name {
            Some(name) => Listener::inherited_by_name(name)?,
            None => Listener::inherited()?,
        };
        for listener in &listeners {
            eprintln!("listening on {}", listener.local_addr());
        }
        // A second look finds nothing more of the same, and no child finds anything.
        assert!(name.is_some() || Listener::inherited()?.is_empty());
        let child = std::process::Command::new("ls").arg("-l").arg("/proc/self/fd").output()?;
        eprintln!("a child has sockets: {}", String::from_utf8_lossy(&child.stdout).contains("socket:"));
        app.http("api", listeners, Router::new().route("/pid", get(pid)));
        Ok(())
    })
}

#[derive(serde::Deserialize)]
struct Slow {
    ms: Option<u64>,
}

async fn pid(Query(slow): Query<Slow>) -> String {
    tokio::time::sleep(Duration::from_millis(slow.ms.unwrap_or(0))).await;
    std::process::id().to_string()
}
