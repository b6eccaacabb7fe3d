//! A queue of your own: a job is a file, and its name says when the job is due and how often it was begun.
//!
//! One process at a time works on a folder. Several need leases (`Queue::lease`), or a broker that notices when one dies.
//! A job survives the process, not the loss of power: nothing here waits for the disk. Try your own queue with
//! `ebbtide::testing::queue::conforms`, which names each promise of `Queue` that is broken.
//!
//! ```sh
//! cargo run -p ebbtide --features queue --example custom_queue -- /tmp/emails
//! ```

use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use ebbtide::queue::{Delivery, Job, Queue, Settled, Settlement};
use ebbtide::{BoxError, Lifecycle, Stop};
use tokio::fs;

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("emails");
    tracing_subscriber::fmt::init();
    lifecycle.run(async |app| {
        let folder = std::env::args_os().nth(1).unwrap_or_else(|| "emails".into());
        let emails = Spool::open(folder.into()).await?;
        emails.push("welcome-7", "a@example.org").await?;
        app.consume("emails", emails, 8, send_email);
        Ok(())
    })
}

async fn send_email(job: Job, _stop: Stop) -> Result<(), BoxError> {
    tracing::info!(to = %String::from_utf8_lossy(job.payload()), "email sent");
    Ok(())
}

/// Files in `waiting`, `taken` and `dead`.
struct Spool(PathBuf);

impl Spool {
    async fn open(folder: PathBuf) -> Result<Self, BoxError> {
        for name in ["waiting", "taken", "dead"] {
            fs::create_dir_all(folder.join(name)).await?;
        }
        let spool = Self(folder);
        // What an earlier process had when it was killed is delivered again.
        for name in spool.names("taken").await? {
            fs::rename(spool.path("taken", &name), spool.path("waiting", &name)).await?;
        }
        Ok(spool)
    }

    async fn push(&self, id: &str, payload: &str) -> Result<(), BoxError> {
        // Written elsewhere and then renamed: the consumer never sees half a job.
        let written = self.0.join(id);
        fs::write(&written, payload).await?;
        Ok(fs::rename(written, self.path("waiting", &name(now()?, 0, id))).await?)
    }

    fn path(&self, folder: &str, name: &str) -> PathBuf {
        self.0.join(folder).join(name)
    }

    async fn names(&self, folder: &str) -> Result<Vec<String>, BoxError> {
        let (mut files, mut names) = (fs::read_dir(self.0.join(folder)).await?, Vec::new());
        while let Some(file) = files.next_entry().await? {
            names.push(file.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    async fn take(&self, waiting: &str) -> Result<Delivery<String>, BoxError> {
        let (due, begun, id) = parts(waiting)?;
        let (from, receipt) = (self.path("waiting", waiting), name(due, begun + 1, id));
        let payload = fs::read(&from).await?;
        // Last: when this fails, nothing is taken.
        fs::rename(from, self.path("taken", &receipt)).await?;
        Ok(Delivery { receipt, id: id.to_owned(), payload, attempt: begun + 1 })
    }
}

impl Queue for Spool {
    type Receipt = String;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<String>>, BoxError> {
        let mut taken = Vec::new();
        while taken.is_empty() && !stop.is_stopping() {
            let now = name(now()?, u32::MAX, "");
            for due in self.names("waiting").await?.into_iter().take_while(|name| *name <= now).take(max) {
                match self.take(&due).await {
                    Ok(delivery) => taken.push(delivery),
                    Err(error) if taken.is_empty() => return Err(error),
                    // What was taken before must be returned; the next fetch fails in place of this one.
                    Err(_) => break,
                }
            }
            if taken.is_empty() {
                // Woken by the shutdown, which would otherwise wait for it.
                let _ = stop.unless_stopping(tokio::time::sleep(Duration::from_millis(200))).await;
            }
        }
        Ok(taken)
    }

    async fn settle(&self, receipt: &String, settlement: Settlement) -> Result<Settled, BoxError> {
        let (_, attempt, id) = parts(receipt)?;
        let to = match settlement {
            Settlement::Ack => None,
            // The next consumer may have it at once, and the attempt does not count.
            Settlement::Requeue => Some(self.path("waiting", &name(now()?, attempt - 1, id))),
            Settlement::Retry { after, .. } => {
                Some(self.path("waiting", &name(now()?.saturating_add(after), attempt, id)))
            }
            Settlement::DeadLetter { error } => {
                fs::write(self.path("dead", &format!("{receipt}.error")), error).await?;
                Some(self.path("dead", receipt))
            }
        };
        let taken = self.path("taken", receipt);
        let settled = match to {
            Some(to) => fs::rename(taken, to).await,
            None => fs::remove_file(taken).await,
        };
        match settled {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Settled::Lost),
            settled => Ok(settled.map(|()| Settled::Done)?),
        }
    }
}

/// Names sort by the time at which their jobs are due, since 1970.
fn name(due: Duration, begun: u32, id: &str) -> String {
    format!("{:015}.{begun}.{id}", due.as_millis())
}

fn parts(name: &str) -> Result<(Duration, u32, &str), BoxError> {
    let mut parts = name.splitn(3, '.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(due), Some(begun), Some(id)) => Ok((Duration::from_millis(due.parse()?), begun.parse()?, id)),
        _ => Err(Error::new(ErrorKind::InvalidData, format!("`{name}` is not the name of a job")).into()),
    }
}

fn now() -> Result<Duration, BoxError> {
    Ok(UNIX_EPOCH.elapsed()?)
}
