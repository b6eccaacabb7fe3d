//! A service that leaves a registry at the signal, tells a sidecar to quit at the very end, and has files to remove. Arguments: the
//! registry's address, the sidecar's, a folder, and what it does amiss: nothing, `blocks`, `early`, `patient`, `hasty`, `hangs`, `fails`,
//! `tempdir`, `blocked`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use ebbtide::call::Call;
use ebbtide::{BoxError, Handle, Lifecycle};
use ebbtide_e2e::routes;
use tempfile::TempDir;

use crate::setup::{Arguments, log_to_stderr};

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
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

/// Makes a folder with something in it, to be removed at the end; with `tempdir` in the way one does without Ebbtide.
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

/// Blocks the only worker of the runtime, on which the lifecycle runs: what is registered from now on it does not see.
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

/// Blocks every worker of the runtime once the stop has begun.
fn block_all(app: &Handle) {
    for _ in 0..4 {
        app.on_stop("blocker", async |_| -> () {
            loop {
                std::thread::park();
            }
        });
    }
}
