//! Lifecycles that misbehave, the same program without a lifecycle, and a program that continues after its lifecycle.
#![expect(clippy::panic, reason = "panics are what it is for")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;
use std::{io, thread};

use ebbtide::lifecycle::Held;
use ebbtide::{BoxError, Handle, LameDuck, Lifecycle};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Arguments, sigterm};

/// A lifecycle that misbehaves as its argument states. A second argument sets the guard time for signals in milliseconds.
pub(crate) fn victim(mut arguments: Arguments) -> ExitCode {
    let fault = arguments.next().unwrap_or_default();
    let lifecycle = Lifecycle::new("victim").lame_duck(LameDuck::NONE).worker_threads(2);
    let lifecycle = match fault.as_str() {
        "lame-duck" => lifecycle.lame_duck(LameDuck::exactly(Duration::from_millis(1200))),
        _ => lifecycle.progress_every(Duration::from_millis(200)),
    };
    let guard = arguments.next().and_then(|millis| millis.parse().ok()).map(Duration::from_millis);
    let lifecycle = guard.into_iter().fold(lifecycle, Lifecycle::signal_guard);
    let log =
        if fault == "panicking-log" { || Log { falls_over: true } } else { || Log { falls_over: false } };
    tracing_subscriber::fmt().with_writer(log).with_ansi(false).init();
    lifecycle.on_report(|report| eprintln!("callback: code {}", report.exit_code)).run(async move |app| {
        app.on_flush("log", || eprintln!("flushed"));
        open(&app, "first");
        misbehave(&app, &fault).await?;
        open(&app, "second");
        eprintln!("up");
        Ok(())
    })
}

/// Opens something that must be closed.
fn open(app: &Handle, name: &'static str) {
    eprintln!("opened {name}");
    app.resource(name, (), move |()| async move {
        eprintln!("closed {name}");
        Ok(())
    });
}

async fn misbehave(app: &Handle, fault: &str) -> Result<(), BoxError> {
    match fault {
        "" | "panicking-log" => {}
        "spinning-runtime" => {
            for _ in 0..4 {
                app.task("spinner", |stop| async move {
                    stop.stopping().await;
                    spin()
                });
            }
            app.on_stop("spinning-hook", |_| async { spin() });
            app.on_stop("spinning-hook", |_| async { spin() });
        }
        "wedged-when-told" => {
            let (told, wedged) = tokio::sync::watch::channel(false);
            thread::Builder::new().spawn(move || {
                let _ = io::stdin().read_line(&mut String::new());
                told.send(true)
            })?;
            for _ in 0..4 {
                let mut wedged = wedged.clone();
                app.task("blocker", |_| async move {
                    wedged.changed().await?;
                    loop {
                        thread::park();
                    }
                });
            }
        }
        "spawn-blocking" => app.task("blocker", |_| async {
            tokio::task::spawn_blocking(|| thread::sleep(Duration::MAX)).await?;
            Ok(())
        }),
        "stuck-task" => app.task("stuck-task", |_| async {
            thread::sleep(Duration::MAX);
            Ok(())
        }),
        "hanging-close" => {
            app.resource("hanging-pool", (), |()| std::future::pending::<()>());
        }
        "deadlocked-flush" => app.on_flush("deadlocked-log", || {
            let lock = Mutex::new(());
            let _held = lock.lock();
            // The thread waits for a lock that it holds itself.
            drop(lock.lock());
        }),
        "panicking-held" => {
            let held = |(): &()| -> Held { panic!("nobody knows what is held") };
            app.resource_holding("holding-pool", (), held, |()| std::future::pending::<()>());
        }
        "asking-held" => {
            let asked = app.clone();
            let held = move |(): &()| Held::new(asked.snapshot().components.len() as u64, "components");
            app.resource_holding("holding-pool", (), held, |()| std::future::pending::<()>());
        }
        "hanging-hook" => app.on_stop("hanging-hook", |_| std::future::pending::<()>()),
        "lame-duck" => app.serve("server", std::sync::Arc::new(Nothing), |context| async move {
            context.stop.stopping().await;
            Ok(())
        }),
        "slow-task" => app.task("slow-task", |stop| async move {
            stop.stopping().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            eprintln!("the task finished");
            Ok(())
        }),
        "stubborn-task" => app.task("stubborn-task", |_| std::future::pending()),
        "panicking-task" => app.task("panicking-task", |_| async { panic!("the task fell over") }),
        "failing-task" => app.task("failing-task", |_| async { Err("the task gave up".into()) }),
        "ending-task" => app.task("ending-task", |_| async { Ok(()) }),
        "panicking-close" => {
            app.resource("panicking-pool", (), async |()| -> () { panic!("the close fell over") });
        }
        "panicking-close-at-once" => {
            // The closure panics before it returns a future.
            app.resource("panicking-pool", (), |()| -> std::future::Ready<()> {
                panic!("the close fell over")
            });
        }
        "panicking-hook-at-once" => {
            app.on_stop("panicking-hook", |_| -> std::future::Ready<()> { panic!("the hook fell over") });
        }
        "blocking-close-at-once" => {
            app.resource("blocking-pool", (), |()| {
                thread::sleep(Duration::MAX);
                std::future::ready(Ok(()))
            });
        }
        "panicking-flush" => app.on_flush("panicking-log", || panic!("the flush fell over")),
        "panicking-drop" => app.task("panicking-drop", |stop| async move {
            let _bomb = Bomb;
            stop.stopping().await;
            Ok(())
        }),
        "panicking-drop-when-aborted" => app.task("panicking-drop", |_| async move {
            let _bomb = Bomb;
            std::future::pending().await
        }),
        "slow-start" => tokio::time::sleep(Duration::from_secs(600)).await,
        "several-awaits" => {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        "blocked-start" => thread::sleep(Duration::MAX),
        "failing-start" => return Err("no database".into()),
        "panicking-start" => panic!("start-up fell over"),
        "stopping-itself" => app.stop("had enough"),
        other => return Err(format!("unknown fault `{other}`").into()),
    }
    Ok(())
}

fn spin() -> Result<(), BoxError> {
    loop {
        std::hint::spin_loop();
    }
}

/// Standard error that panics when a phase of the shutdown is logged, in the loop that runs the lifecycle.
struct Log {
    falls_over: bool,
}

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        assert!(!(self.falls_over && line.ends_with(b"phase=draining\n")), "the log fell over");
        io::stderr().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the drop fell over");
    }
}

/// The work of a server that has none.
struct Nothing;

impl ebbtide::drain::Work for Nothing {
    fn in_flight(&self) -> u64 {
        0
    }

    fn finished(&self) -> u64 {
        0
    }

    fn cancelled(&self) -> u64 {
        0
    }

    fn stragglers(&self) -> Vec<ebbtide::model::Straggler> {
        Vec::new()
    }
}

/// The usual program without Ebbtide: the opposite of the guarantees that `victim` is tested for.
#[tokio::main(worker_threads = 2)]
pub(crate) async fn plain(mut arguments: Arguments) -> io::Result<()> {
    let fault = arguments.next().unwrap_or_default();
    let stopped = sigterm()?;
    eprintln!("up");
    match fault.as_str() {
        "spinning-runtime" => {
            let spinners = (0..4).map(|_| async {
                loop {
                    std::hint::spin_loop();
                }
            });
            let mut tasks = tokio::task::JoinSet::<()>::new();
            stopped.await;
            for spinner in spinners {
                tasks.spawn(spinner);
            }
            while tasks.join_next().await.is_some() {}
        }
        "spawn-blocking" => {
            tokio::task::spawn_blocking(|| thread::sleep(Duration::MAX));
            stopped.await;
        }
        "hanging-close" => {
            stopped.await;
            std::future::pending::<()>().await;
        }
        _ => {
            stopped.await;
        }
    }
    Ok(())
}

/// A program that continues after its lifecycle. Its first argument states whether the lifecycle was `dropped`, `refused`, `printed`,
/// `over` or over `often`; the second whether the program installs its own signal handlers `before` it creates the lifecycle or `after`.
pub(crate) fn unstarted(mut arguments: Arguments) -> ExitCode {
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

/// Runs one lifecycle after the other, and prints when no thread or descriptor of them remains.
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
