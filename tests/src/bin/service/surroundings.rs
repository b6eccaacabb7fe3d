//! Services with surroundings: dependencies, a service manager, a registry and a sidecar.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use ebbtide::call::Call;
use ebbtide::http::Listener;
use ebbtide::lifecycle::Retry;
use ebbtide::model::Check;
use ebbtide::{Backoff, BoxError, Handle, LameDuck, Lifecycle};
use ebbtide_tests::routes;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::{Arguments, log_to_stderr, sigterm};

/// A service that requires a connection to the address in its first argument before it is ready. The second argument states how it
/// waits: `often`, `seldom`, `thrice`, or `by-hand`, without Ebbtide.
pub(crate) fn waits(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let addr = arguments.next().unwrap_or_default();
    let retry = match arguments.next().as_deref() {
        Some("by-hand") => return hand_written(&addr),
        Some("thrice") => {
            Retry::new(Backoff::new(Duration::from_millis(10), Duration::from_millis(20))).attempts(3)
        }
        Some("seldom") => Retry::new(Backoff::new(Duration::from_secs(30), Duration::from_secs(60))),
        _ => Retry::new(Backoff::new(Duration::from_millis(50), Duration::from_millis(200))),
    };
    Lifecycle::new("waits").worker_threads(2).run(async move |app| {
        open(&app, "first");
        app.retry("greeter", retry, async || greet(&addr).await).await?;
        open(&app, "second");
        Ok(())
    })
}

/// Connects, and waits for a byte.
async fn greet(addr: &str) -> Result<(), BoxError> {
    TcpStream::connect(addr).await?.read_u8().await?;
    Ok(())
}

fn open(app: &Handle, name: &'static str) {
    eprintln!("opened {name}");
    app.resource(name, (), move |()| async move {
        eprintln!("closed {name}");
        Ok(())
    });
}

/// The usual program without Ebbtide: opens everything, then waits for the signal.
#[tokio::main(worker_threads = 2)]
async fn hand_written(addr: &str) -> ExitCode {
    eprintln!("opened first");
    while let Err(error) = greet(addr).await {
        eprintln!("not there yet: {error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    if let Ok(stopped) = sigterm() {
        stopped.await;
    }
    eprintln!("closed first");
    ExitCode::SUCCESS
}

/// A service with a dependency at the address in its first argument. The second argument states the kind of the check: `required`,
/// `critical`, `patient` (critical too, with a long threshold), `advisory`, or `none`.
pub(crate) fn checked(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let mut next = || arguments.next().unwrap_or_default();
    let (dependency, kind) = (next(), next());
    Lifecycle::new("checked").worker_threads(2).run(async move |app| {
        let (api, health) = (app.bind("127.0.0.1:0").await?, app.bind("127.0.0.1:0").await?);
        eprintln!("health on {}", health.local_addr());
        eprintln!("listening on {}", api.local_addr());
        app.health("health", health);
        app.resource("store", (), |()| async {
            eprintln!("closed store");
            Ok(())
        });
        check(&app, dependency, &kind);
        app.http("api", api, app.health_routes(routes()));
        Ok(())
    })
}

fn check(app: &Handle, dependency: String, kind: &str) {
    let check = Check::every(Duration::from_millis(50)).failures(2).passes(2);
    let check = match kind {
        "required" => check,
        "critical" => check.critical(Duration::from_millis(500)),
        "patient" => check.critical(Duration::from_secs(20)),
        "advisory" => check.critical(Duration::from_millis(500)).advisory(),
        _ => return,
    };
    app.check("dependency", check, move || {
        let dependency = dependency.clone();
        async move { TcpStream::connect(dependency).await.map(drop) }
    });
}

/// A service on the sockets that its service manager passed: all of them, or those with the name in its argument. `/pid` responds with
/// the process id after `?ms=` milliseconds.
pub(crate) fn inherits(mut arguments: Arguments) -> ExitCode {
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
        // A second call returns no socket. The test reads below whether a child process inherits one.
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

/// A service that deregisters at the signal, stops a sidecar at the very end, and has files to remove. Arguments: the address of the
/// registry, that of the sidecar, a folder, and the misbehaviour: nothing, `blocks`, `early`, `patient`, `hasty`, `hangs`, `fails`,
/// `tempdir`, `blocked`.
pub(crate) fn leaves(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let mut next = || arguments.next().unwrap_or_default();
    let (registry, sidecar, folder, amiss) = (next(), next(), next(), next());
    let workers = if amiss == "blocked" { 1 } else { 2 };
    Lifecycle::new("leaves").worker_threads(workers).run(async move |app| {
        if amiss == "blocked" {
            block(&app).await?;
        }
        let kept = fill(&app, Path::new(&folder), &amiss)?;
        app.on_flush("log", || eprintln!("flushed"));
        leave(&app, &registry, &amiss)?;
        quit(&app, &sidecar, &amiss)?;
        let (api, health) = (app.bind("127.0.0.1:0").await?, app.bind("127.0.0.1:0").await?);
        eprintln!("health on {}", health.local_addr());
        eprintln!("listening on {}", api.local_addr());
        app.health("health", health);
        app.http("api", api, routes());
        if amiss == "blocked" {
            eprintln!("registered");
        }
        match amiss.as_str() {
            "blocks" | "tempdir" => block_all(&app),
            "hangs" => app.task("hangs", |_| std::future::pending()),
            "fails" => return Err("no database".into()),
            _ => {}
        }
        app.once("keeper", async move |stop| {
            stop.stopping().await;
            drop(kept);
            Ok(())
        });
        Ok(())
    })
}

/// Creates a folder with a file, to be removed at the end; with `tempdir`, as a program without Ebbtide does it.
fn fill(app: &Handle, folder: &Path, amiss: &str) -> Result<Option<TempDir>, BoxError> {
    if amiss == "tempdir" {
        let folder = tempfile::Builder::new().prefix("t").tempdir_in(folder)?;
        std::fs::write(folder.path().join("file"), "x")?;
        return Ok(Some(folder));
    }
    let folder = app.temporary(folder.join("t"))?;
    std::fs::create_dir_all(folder.join("deep"))?;
    std::fs::write(folder.join("deep/file"), "x")?;
    Ok(None)
}

fn leave(app: &Handle, registry: &str, amiss: &str) -> Result<(), BoxError> {
    let leave = Call::put(&format!("http://{registry}/v1/agent/service/deregister/leaves"))?;
    let leave = leave.header("X-Consul-Token", "secret")?.timeout(Duration::from_secs(60));
    let app = match amiss {
        "patient" => app.clone(),
        "hasty" => app.within(Duration::from_millis(300)),
        _ => app.within(Duration::from_secs(5)),
    };
    app.on_stop("leave the registry", |_| async move { Ok(leave.send().await?) });
    Ok(())
}

fn quit(app: &Handle, sidecar: &str, amiss: &str) -> Result<(), BoxError> {
    let quit = Call::post(&format!("http://{sidecar}/quitquitquit"))?;
    if amiss == "early" {
        app.on_stop("sidecar", |_| async move { Ok(quit.send().await?) });
    } else {
        app.at_exit("sidecar", move |left| Ok(quit.timeout(left).send_blocking()?));
    }
    Ok(())
}

/// Blocks the only worker of the runtime, so that the lifecycle does not process later registrations.
async fn block(app: &Handle) -> Result<(), BoxError> {
    let (blocks, blocked) = tokio::sync::oneshot::channel();
    app.task("blocker", |_| async {
        let _ = blocks.send(());
        loop {
            std::thread::park();
        }
    });
    Ok(blocked.await?)
}

/// Blocks every worker of the runtime after the shutdown has begun.
fn block_all(app: &Handle) {
    for _ in 0..4 {
        app.on_stop("blocker", async |_| -> () {
            loop {
                std::thread::park();
            }
        });
    }
}
