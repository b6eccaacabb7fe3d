//! A program that goes on without its lifecycle: its first argument says whether that was `dropped`, `refused`, `printed`, `over`
//! or over `often`. The second one says whether the program installs handlers of its own `before` it makes the lifecycle or `after`.

use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use ebbtide::Lifecycle;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::setup::Arguments;

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
    let (how, own) = (arguments.next().unwrap_or_default(), arguments.next());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (Ok(runtime), true) = (runtime, how != "often") else { return often() };
    let before = (own.as_deref() == Some("before")).then(|| handlers(&runtime));
    let lifecycle = Lifecycle::new("unstarted");
    let after = (own.as_deref() == Some("after")).then(|| handlers(&runtime));
    match Some(how.as_str()) {
        Some("dropped") => drop(lifecycle),
        Some("over") => {
            let report = lifecycle.run_to_report(async |app| {
                app.stop("that is all");
                Ok(())
            });
            eprintln!("{}", report.is_ok());
        }
        _ => eprintln!("{}", lifecycle.run_to_report(async |_| Ok(())).is_err()),
    }
    eprintln!("goes on");
    match before.or(after) {
        Some(Ok((mut terminate, mut interrupt))) => runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = terminate.recv() => eprintln!("the program's own SIGTERM"),
                    _ = interrupt.recv() => eprintln!("the program's own SIGINT"),
                }
            }
        }),
        Some(Err(error)) => eprintln!("no handlers: {error}"),
        None => thread::sleep(Duration::MAX),
    }
    ExitCode::SUCCESS
}

fn handlers(runtime: &Runtime) -> io::Result<(Signal, Signal)> {
    let _guard = runtime.enter();
    Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
}

/// Runs one lifecycle after the other, and says when nothing is left of them.
fn often() -> ExitCode {
    let before = left();
    for _ in 0..50 {
        let report = Lifecycle::new("unstarted").worker_threads(2).run_to_report(async |app| {
            app.stop("that is all");
            Ok(())
        });
        eprintln!("{}", report.is_ok_and(|report| report.exit_code == 0));
    }
    // A runtime's threads end by themselves.
    while left() != before {
        thread::sleep(Duration::from_millis(1));
    }
    eprintln!("nothing is left");
    ExitCode::SUCCESS
}

/// Counts threads and open descriptors.
fn left() -> (usize, usize) {
    let count = |folder| std::fs::read_dir(folder).map_or(0, Iterator::count);
    (count("/proc/self/task"), count("/proc/self/fd"))
}
