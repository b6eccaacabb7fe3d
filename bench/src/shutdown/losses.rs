use std::io;
use std::time::Duration;

use fastrand::Rng;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::client::{Counts, Crowd, Shape};
use crate::measure::now;
use crate::service::Child;

/// Longer than any server's own limit.
const PATIENCE: Duration = Duration::from_secs(35);

/// How often to look whether the server is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// One stop under load.
#[derive(Debug, Clone)]
pub struct Stop {
    /// What became of the requests.
    pub counts: Counts,
    /// The same for each kind of client.
    pub by_shape: Vec<(Shape, Counts)>,
    /// The first oddities in words.
    pub oddities: Vec<String>,
    /// From SIGTERM to the exit, to a few milliseconds.
    pub took: Duration,
    /// Whether it ended by itself, and well.
    pub ended_well: bool,
    /// Clients that were still waiting for something at the end.
    pub stranded: usize,
}

/// Loads a server until `enough` requests have been answered and a random time more, stops it, and returns what became
/// of the requests. `crowd` are the clients, `seed` decides the moment and what they do.
///
/// # Errors
///
/// When the server answers nothing, or a client cannot go on.
pub fn stop_under_load(
    mut server: Child,
    crowd: &[(Shape, u32)],
    enough: u64,
    seed: u64,
) -> io::Result<Stop> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut rng = Rng::with_seed(seed);
        let mut clients = Crowd::new(server.address(), rng.u64(..));
        for &(shape, number) in crowd {
            clients.start(shape, number);
        }
        clients.answered(enough).await?;
        sleep(Duration::from_micros(rng.u64(100_000..700_000))).await;
        clients.stopping();
        let began = now();
        server.terminate()?;
        let status = loop {
            if let Some(status) = server.ended()? {
                break Some(status);
            }
            if began.elapsed() > PATIENCE {
                break None;
            }
            sleep(LOOK_AGAIN).await;
        };
        let took = began.elapsed();
        // What is lost by being killed here is not counted.
        let still_running = status.is_none().then(|| clients.counts());
        drop(server);
        let stranded = clients.ended().await?;
        let by_shape = still_running.unwrap_or_else(|| clients.counts());
        Ok(Stop {
            counts: by_shape.iter().fold(Counts::default(), |all, (_, counts)| all.and(*counts)),
            by_shape,
            oddities: clients.oddities(),
            took,
            ended_well: status.is_some_and(|status| status.success()),
            stranded,
        })
    })
}
