//! Services with jobs: consumers of a queue and worker pools.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::Parser;
use ebbtide::lifecycle::{Pool, PoolOptions};
use ebbtide::queue::{ConsumeOptions, Delivery, Job, Queue, Settled, Settlement};
use ebbtide::{BoxError, Handle, LameDuck, Lifecycle, Stop};
use ebbtide_demo::queue::{AnyQueue, AnyReceipt, QueueKind, QueuePlace};
use ebbtide_tests::jobs::{Journal, Manner, What};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::{Arguments, log_to_stderr, sigterm};

#[derive(Parser)]
#[command(name = "service worker", no_binary_name = true)]
struct Args {
    #[arg(long, value_parser = kind)]
    queue: QueueKind,
    #[arg(long)]
    url: String,
    #[arg(long)]
    name: String,
    /// In milliseconds.
    #[arg(long)]
    lease: u64,
    #[arg(long)]
    journal: PathBuf,
    /// In milliseconds.
    #[arg(long)]
    job: u64,
    #[arg(long)]
    concurrency: usize,
    #[arg(long, value_parser = manner)]
    manner: Manner,
}

/// Parses every kind, including the one that the command line of the demo does not offer.
fn kind(name: &str) -> Result<QueueKind, String> {
    QueueKind::ADAPTERS
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| format!("unknown queue `{name}`"))
}

fn manner(name: &str) -> Result<Manner, String> {
    let found = Manner::ALL.iter().find(|(_, known)| *known == name);
    found.map(|(manner, _)| *manner).ok_or_else(|| format!("unknown manner `{name}`"))
}

/// Consumes a queue: each job takes a fixed time, and is then recorded in a file outside of the queue.
pub(crate) fn worker(arguments: Arguments) -> ExitCode {
    let args = Args::parse_from(arguments);
    log_to_stderr();
    Lifecycle::new("worker").worker_threads(2).lame_duck(LameDuck::NONE).run(async |app| {
        let place = QueuePlace {
            kind: args.queue,
            url: args.url.clone(),
            name: args.name.clone(),
            lease: Duration::from_millis(args.lease),
        };
        let queue =
            app.resource("queue", place.open().await?, |queue| async move { queue.disconnect().await });
        let journal = Arc::new(Journal::open(&args.journal)?);
        let time = Duration::from_millis(args.job);
        match args.manner {
            Manner::AckFirst | Manner::DropAtSignal => hand_written_worker(&app, queue, &args, journal, time),
            manner => {
                // Killed attempts count, and the test expects every job to finish.
                let options = ConsumeOptions::new(args.concurrency).attempts(1000);
                // Allows for a broker that several tests share.
                let options = options.requeue(Duration::from_secs(4));
                let queue = Crippled { queue, manner, journal: Arc::clone(&journal) };
                app.consume("jobs", queue, options, move |job: Job, _| {
                    let journal = Arc::clone(&journal);
                    async move { work_and_note(&journal, job.payload(), time).await }
                });
            }
        }
        Ok(())
    })
}

async fn work_and_note(journal: &Journal, payload: &[u8], time: Duration) -> Result<(), BoxError> {
    let job = str::from_utf8(payload)?;
    journal.note(What::Begun, job)?;
    tokio::time::sleep(time).await;
    Ok(journal.note(What::Done, job)?)
}

/// A typical consumer without Ebbtide: jobs in flight at the signal are dropped with the runtime.
fn hand_written_worker(app: &Handle, queue: AnyQueue, args: &Args, journal: Arc<Journal>, time: Duration) {
    let (concurrency, manner) = (args.concurrency, args.manner);
    app.task("jobs", move |stop| async move {
        let mut running = JoinSet::new();
        while !stop.is_stopping() {
            if running.len() == concurrency {
                // Both results continue the loop: a job has ended, or the shutdown has begun.
                let _ = stop.unless_stopping(running.join_next()).await;
            }
            for delivery in queue.fetch(concurrency - running.len(), &stop).await? {
                let (queue, journal) = (queue.clone(), Arc::clone(&journal));
                running.spawn(async move {
                    if manner == Manner::AckFirst {
                        let _settled = queue.settle(&delivery.receipt, Settlement::Ack).await;
                    }
                    let worked = work_and_note(&journal, &delivery.payload, time).await;
                    if manner != Manner::AckFirst && worked.is_ok() {
                        let _settled = queue.settle(&delivery.receipt, Settlement::Ack).await;
                    }
                });
            }
            while running.try_join_next().is_some() {}
        }
        Ok(())
    });
}

/// A queue that omits the operation that its mode names, and records its acknowledgements.
struct Crippled {
    queue: AnyQueue,
    manner: Manner,
    journal: Arc<Journal>,
}

/// A receipt and the payload of its job.
#[derive(Clone)]
struct Named {
    receipt: AnyReceipt,
    job: String,
}

fn named(deliveries: Vec<Delivery<AnyReceipt>>) -> Vec<Delivery<Named>> {
    let name = |delivery: Delivery<AnyReceipt>| {
        let Delivery { receipt, id, payload, attempt } = delivery;
        let job = String::from_utf8_lossy(&payload).into_owned();
        Delivery { receipt: Named { receipt, job }, id, payload, attempt }
    };
    deliveries.into_iter().map(name).collect()
}

impl Queue for Crippled {
    type Receipt = Named;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<Named>>, BoxError> {
        Ok(named(self.queue.fetch(max, stop).await?))
    }

    fn prefetch(&self, allowed: bool) -> bool {
        self.queue.prefetch(allowed)
    }

    async fn settle(&self, of: &Named, settlement: Settlement) -> Result<Settled, BoxError> {
        if self.manner == Manner::WithoutRequeue && settlement == Settlement::Requeue {
            return Ok(Settled::Done);
        }
        let acknowledges = settlement == Settlement::Ack;
        let settled = self.queue.settle(&of.receipt, settlement).await?;
        if acknowledges && settled == Settled::Done {
            self.journal.note(What::Acknowledged, &of.job)?;
        }
        Ok(settled)
    }

    fn lease(&self) -> Option<Duration> {
        self.queue.lease()
    }

    async fn extend(&self, of: &[Named]) -> Result<(), BoxError> {
        if self.manner == Manner::WithoutHeartbeat {
            return Ok(());
        }
        let receipts: Vec<_> = of.iter().map(|of| of.receipt.clone()).collect();
        self.queue.extend(&receipts).await
    }

    fn extends_anywhere(&self) -> bool {
        self.queue.extends_anywhere()
    }

    async fn withdraw(&self) -> Result<Vec<Delivery<Named>>, BoxError> {
        Ok(named(self.queue.withdraw().await?))
    }

    async fn close(&self) -> Result<(), BoxError> {
        self.queue.close().await
    }
}

const JOBS: usize = 200;
const WORKERS: usize = 4;

/// Jobs in a pool; with `chain 3` in one that feeds a second that feeds a third; with `backwards` in one that feeds a pool that is
/// registered later; with `by-hand` in a channel with workers, without Ebbtide.
pub(crate) fn pools(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let how = arguments.next();
    if how.as_deref() == Some("by-hand") {
        return hand_written_pools();
    }
    let lifecycle = Lifecycle::new("pools").lame_duck(LameDuck::NONE).worker_threads(2);
    lifecycle.run(async move |app| {
        let pool = match how.as_deref() {
            Some("chain") => chain(&app, arguments.next().ok_or("how many pools?")?.parse()?),
            Some("backwards") => backwards(&app)?,
            _ => last(&app),
        };
        for n in 0..JOBS {
            pool.send(n).await?;
        }
        eprintln!("all sent");
        Ok(())
    })
}

/// Returns a pool that runs the jobs.
fn last(app: &Handle) -> Pool<usize> {
    app.workers("pool", PoolOptions::new(WORKERS).capacity(JOBS), |n, _| async move {
        work(n).await;
        Ok(())
    })
}

/// Returns the first of `count` pools, each of which sends its jobs to the pool that was registered before it.
fn chain(app: &Handle, pools: usize) -> Pool<usize> {
    (1..pools).fold(last(app), |to, n| {
        app.workers(format!("pool {n}"), PoolOptions::new(WORKERS).capacity(JOBS), move |n, _| {
            let to = to.clone();
            async move { hand_on(n, &to).await }
        })
    })
}

/// Returns a pool that feeds a pool that is registered later.
fn backwards(app: &Handle) -> Result<Pool<usize>, BoxError> {
    let to = Arc::new(OnceLock::new());
    let later = Arc::clone(&to);
    let first = app.workers("first", PoolOptions::new(WORKERS).capacity(JOBS), move |n, _| {
        let to = Arc::clone(&later);
        async move { hand_on(n, to.get().ok_or("it is set before the first job")?).await }
    });
    to.set(last(app)).map_err(|_| "it is set once")?;
    Ok(first)
}

async fn hand_on(n: usize, to: &Pool<usize>) -> Result<(), BoxError> {
    tokio::time::sleep(Duration::from_millis(10)).await;
    Ok(to.send(n).await?)
}

async fn work(n: usize) {
    tokio::time::sleep(Duration::from_millis(10)).await;
    eprintln!("done {n}");
}

#[tokio::main(worker_threads = 2)]
async fn hand_written_pools() -> ExitCode {
    let Ok(stopped) = sigterm() else { return ExitCode::FAILURE };
    let (sender, receiver) = mpsc::channel(JOBS);
    let receiver = Arc::new(Mutex::new(receiver));
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let receiver = Arc::clone(&receiver);
        workers.spawn(async move {
            loop {
                let job = receiver.lock().await.recv().await;
                let Some(n) = job else { return };
                work(n).await;
            }
        });
    }
    for n in 0..JOBS {
        if sender.send(n).await.is_err() {
            return ExitCode::FAILURE;
        }
    }
    eprintln!("all sent");
    eprintln!("phase=ready");
    stopped.await;
    ExitCode::SUCCESS
}
