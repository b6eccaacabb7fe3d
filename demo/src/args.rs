use std::path::{Path, PathBuf};
use std::time::Duration;

use ebbtide::model::parse_duration;

use crate::Fault;
use crate::queue::{QueueKind, QueuePlace};

/// What the service is told on its command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The address to listen on; port 0 takes a free one and logs it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: String,

    /// The folder for orders.db, jobs.db and demo.log, made if missing [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// The broker of the queue that orders are worked off from [default: sqlite, or postgres if DATABASE_URL names one]
    ///
    /// Its address is what DATABASE_URL, REDIS_URL, AMQP_URL or NATS_URL says, or the usual port on this machine. A broker whose
    /// feature this build does not have is refused with exit code 2; `cargo build --release --features brokers` builds them all.
    #[arg(long, value_name = "BROKER", value_enum)]
    pub queue: Option<QueueKind>,

    /// The queue's name there: each set of orders needs a queue of its own [default: ebbtide-demo-orders; a temporary one
    /// for orders in a temporary folder]
    #[arg(long, value_name = "NAME")]
    pub queue_name: Option<String>,

    /// Go on serving for exactly so long after the stop signal [default: until it is quiet, 250ms to 2s on a laptop]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub lame_duck: Option<Duration>,

    /// The time between the stop signal and SIGKILL [default: the platform's, 10s on a laptop]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub grace: Option<Duration>,

    /// Misbehave; may be given more than once
    #[arg(long = "fault", value_name = "NAME", value_enum)]
    pub faults: Vec<Fault>,
}

/// A setting requires a feature that this build does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` requires the feature `{feature}`, which this build does not have")]
pub struct MissingFeature {
    setting: String,
    feature: &'static str,
}

/// The queue of those whose orders are kept.
const NAME: &str = "ebbtide-demo-orders";

/// After a crash, what was in hand is worked off so much later; a job takes milliseconds.
const LEASE: Duration = Duration::from_secs(5);

/// Longer than any rehearsal: a job that was kept is still kept when somebody looks.
const KEPT: Duration = Duration::from_secs(600);

impl Args {
    /// Returns where the queue is of a service with its data in `folder`, and its orders in `database` if that is given.
    ///
    /// The queue lives where the orders do unless told otherwise: neither is of use without the other.
    pub fn queue_place(&self, folder: &Path, database: Option<&str>) -> QueuePlace {
        let default = if database.is_some() { QueueKind::Postgres } else { QueueKind::Sqlite };
        let kind = self.queue.unwrap_or(default);
        let url = match (kind, database) {
            (QueueKind::Sqlite, _) => folder.join("jobs.db").to_string_lossy().into_owned(),
            (QueueKind::Postgres, Some(database)) => database.to_owned(),
            _ => kind.url(),
        };
        let name = match (&self.queue_name, folder.file_name()) {
            (Some(name), _) => name.clone(),
            (None, Some(folder)) if self.is_temporary(database) => folder.to_string_lossy().into_owned(),
            (None, _) => NAME.to_owned(),
        };
        let lease = if self.faults.contains(&Fault::KeepJobs) { KEPT } else { LEASE };
        QueuePlace { kind, url, name, lease }
    }

    /// Returns the setting that requires a feature which this build does not have, of a service with its orders in `database` if
    /// that is given.
    pub fn missing_feature(&self, database: Option<&str>) -> Option<MissingFeature> {
        let of = |kind: QueueKind, setting: String| {
            kind.missing_feature().map(|feature| MissingFeature::new(setting, feature))
        };
        let queue = self.queue.and_then(|kind| of(kind, format!("--queue {}", kind.name())));
        queue.or_else(|| database.and_then(|_| of(QueueKind::Postgres, "DATABASE_URL".to_owned())))
    }

    /// Tells whether the queue is to go with the orders, which go with their folder.
    pub(crate) fn is_temporary(&self, database: Option<&str>) -> bool {
        self.data.is_none() && database.is_none() && self.queue_name.is_none()
    }
}

impl MissingFeature {
    /// Describes a setting, such as `--queue redis` or `DATABASE_URL`, and the feature that it requires.
    pub fn new(setting: impl Into<String>, feature: &'static str) -> Self {
        Self { setting: setting.into(), feature }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        let Self { setting, feature } = self;
        format!("build with `cargo build --release --features {feature}`, or run without `{setting}`")
    }
}
