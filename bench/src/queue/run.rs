use std::io;
use std::process::ExitCode;
use std::time::Duration;

use ebbtide::BoxError;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use super::broker::{Broker, Confirmed, Work, with_consumer_loop};
use super::messages::{RabbitMq, Sqs};
use super::options::Options;
use super::report::{Report, Turn};
use super::streams::{Nats, Redis};
use super::tables::{Postgres, Sqlite};
use super::{Column, Side};
use crate::measure::{conclude, now};

/// Measures, prints the tables, and returns the documented exit code.
pub fn run(options: &Options) -> ExitCode {
    conclude(measure(options), options.json.as_deref(), options.check)
}

fn measure(options: &Options) -> io::Result<Report> {
    let (jobs, places) = (options.jobs(), options.places());
    let mut report = Report { jobs, places, ..Report::default() };
    for column in options.columns() {
        // The first round is a warm-up for shared caches: the server's and this process's.
        for round in 0..=options.rounds() {
            let mut sides = column.sides().to_vec();
            // The order rotates, so that no side always comes first.
            sides.rotate_left(usize::try_from(round).unwrap_or_default() % column.sides().len());
            for side in sides {
                let took = turn(column, side, jobs, places).map_err(|error| {
                    io::Error::other(format!("{}, {}: {error}", column.title(), side.name()))
                })?;
                if round > 0 {
                    report.turns.push(Turn { column, side, jobs, took });
                }
            }
        }
    }
    Ok(report)
}

fn turn(column: Column, side: Side, jobs: u32, places: usize) -> Result<Duration, BoxError> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // In a task, as in a service: `block_on` would poll it on a separate thread.
        let mut task = JoinSet::new();
        match (column, side) {
            #[cfg(feature = "apalis")]
            (Column::Sqlite, Side::Apalis) => task.spawn(super::apalis::turn(jobs, places)),
            #[cfg(not(feature = "apalis"))]
            (Column::Sqlite, Side::Apalis) => return Err("apalis is not built in (feature disabled)".into()),
            (Column::Sqlite, _) => task.spawn(one::<Sqlite>(side, jobs, places)),
            (Column::Postgres, _) => task.spawn(one::<Postgres>(side, jobs, places)),
            (Column::Redis, _) => task.spawn(one::<Redis>(side, jobs, places)),
            (Column::RabbitMq, _) => task.spawn(one::<RabbitMq>(side, jobs, places)),
            (Column::Nats, _) => task.spawn(one::<Nats>(side, jobs, places)),
            (Column::Sqs, _) => task.spawn(one::<Sqs>(side, jobs, places)),
        };
        task.join_next().await.ok_or("no task")??
    })
}

async fn one<B: Broker>(side: Side, jobs: u32, places: usize) -> Result<Duration, BoxError> {
    let broker = B::filled(jobs).await?;
    let (work, queue) = (Work::of(jobs), broker.queue());
    let took = match side {
        Side::Ebbtide => with_consumer_loop(queue, &work, places).await?,
        Side::PlainClient | Side::Unconfirmed | Side::Apalis => {
            let confirmed = if side == Side::Unconfirmed { Confirmed::No } else { Confirmed::Yes };
            let began = now();
            broker.hand_written(&work, places, confirmed).await?;
            began.elapsed()
        }
    };
    let (unrun, mut left) = (work.left(), broker.left().await?);
    let patience = now() + Duration::from_secs(5);
    while side == Side::Unconfirmed && left > 0 && now() < patience {
        // Without confirmations the broker may still be processing acknowledgements.
        left = broker.left().await?;
    }
    broker.remove().await?;
    if unrun == 0 && left == 0 {
        return Ok(took);
    }
    Err(format!("{unrun} jobs have not run; {left} are still queued").into())
}
