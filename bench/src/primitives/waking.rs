use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ebbtide::drain::StopSource;
use ebbtide::model::Cause;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::Options;
use crate::measure::{median, now};

/// What it took to wake many, in milliseconds from the trigger.
#[derive(Clone, Debug)]
pub(super) struct Waking {
    pub(super) what: &'static str,
    /// To the end of the trigger's call.
    pub(super) triggered: f64,
    /// To the end of the last task.
    pub(super) last: f64,
}

pub(super) const STOP: &str = "Stop";
pub(super) const NOTIFY: &str = "Notify";

type Measured = io::Result<(f64, f64)>;
type WakingPrimitive = (&'static str, fn(u32) -> Measured);

/// Parks tasks on each side's stop, on a runtime of two workers, and stops them. The sides take their turn in each round.
pub(super) fn measure(options: &Options) -> io::Result<Vec<Waking>> {
    let sides: [WakingPrimitive; 4] =
        [(STOP, stop), (NOTIFY, notify), ("CancellationToken", token), ("watch", watch)];
    let mut samples = vec![(Vec::new(), Vec::new()); sides.len()];
    for _ in 0..options.wake_rounds {
        for ((_, run), (triggered, last)) in sides.iter().zip(&mut samples) {
            let (trigger, all) = run(options.wake)?;
            triggered.push(trigger);
            last.push(all);
        }
    }
    let summary = |((what, _), (triggered, last)): (WakingPrimitive, (Vec<f64>, Vec<f64>))| Waking {
        what,
        triggered: median(&triggered),
        last: median(&last),
    };
    Ok(sides.into_iter().zip(samples).map(summary).collect())
}

fn stop(tasks: u32) -> Measured {
    let source = StopSource::with_clock(now);
    let token = source.token();
    let trigger = || {
        source.stop(Cause::Signal { number: 15 }, None);
    };
    wake_all(tasks, || token.clone().stopping_owned(), trigger)
}

fn notify(tasks: u32) -> Measured {
    let notify = Arc::new(Notify::new());
    wake_all(tasks, || Arc::clone(&notify).notified_owned(), || notify.notify_waiters())
}

fn token(tasks: u32) -> Measured {
    let token = CancellationToken::new();
    wake_all(tasks, || token.clone().cancelled_owned(), || token.cancel())
}

fn watch(tasks: u32) -> Measured {
    let (sender, receiver) = watch::channel(false);
    let wait = || {
        let mut receiver = receiver.clone();
        async move {
            let _sender_is_kept = receiver.changed().await;
        }
    };
    wake_all(tasks, wait, || {
        sender.send_replace(true);
    })
}

fn wake_all<W>(tasks: u32, wait: impl Fn() -> W, trigger: impl FnOnce()) -> Measured
where
    W: Future<Output = ()> + Send + 'static,
{
    let runtime = Builder::new_multi_thread().worker_threads(2).build()?;
    let ended = park(&runtime, tasks, wait);
    let began = now();
    trigger();
    let triggered = began.elapsed();
    // The last task sends; an error means that the runtime is gone, which it isn't.
    let _sent = ended.recv();
    let last = began.elapsed();
    Ok((triggered.as_secs_f64() * 1e3, last.as_secs_f64() * 1e3))
}

/// Returns once all tasks wait. What is returned gets a word when the last of them has ended.
fn park<W>(runtime: &Runtime, tasks: u32, wait: impl Fn() -> W) -> mpsc::Receiver<()>
where
    W: Future<Output = ()> + Send + 'static,
{
    let (send, ended) = mpsc::channel();
    let (begun, left) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(tasks)));
    for _ in 0..tasks {
        let (waiting, begun, left, send) = (wait(), Arc::clone(&begun), Arc::clone(&left), send.clone());
        let task = async move {
            begun.fetch_add(1, Ordering::Relaxed);
            waiting.await;
            if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                let _sent = send.send(());
            }
        };
        drop(runtime.spawn(task));
    }
    while begun.load(Ordering::Relaxed) < tasks {
        thread::sleep(Duration::from_millis(1));
    }
    // The last ones have begun and may not have parked yet.
    thread::sleep(Duration::from_millis(20));
    ended
}
