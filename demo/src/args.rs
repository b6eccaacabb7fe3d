use std::path::{Path, PathBuf};
use std::time::Duration;

use ebbtide::model::parse_duration;

use crate::Fault;
use crate::queue::{QueueKind, QueuePlace};

/// The command line of the demo service.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Listen on this address; port 0 selects a free port, which is logged
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: String,

    /// Store data and log in this folder [default: a temporary one]
    ///
    /// The folder holds orders.db, jobs.db and demo.log, and is created if it is missing. A temporary folder is removed at exit.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Process orders from a queue on this broker [default: sqlite or postgres]
    ///
    /// The default is postgres if DATABASE_URL names a PostgreSQL database, and sqlite otherwise. The broker's address is read from
    /// DATABASE_URL, REDIS_URL, AMQP_URL or NATS_URL; without it, the default port on this machine is used. A broker whose
    /// feature this build does not have is refused with exit code 2; `cargo build --release --features brokers` builds them all.
    #[arg(long, value_name = "BROKER", value_enum)]
    pub queue: Option<QueueKind>,

    /// Use the queue of this name on the broker [default: ebbtide-demo-orders]
    ///
    /// Each set of orders requires a separate queue. Orders in a temporary folder have a temporary queue by default.
    #[arg(long, value_name = "NAME")]
    pub queue_name: Option<String>,

    /// Keep serving for exactly this time after the stop signal
    ///
    /// Without it, the service keeps serving until no new requests arrive: 250ms to 2s on a laptop.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true)]
    pub lame_duck: Option<Duration>,

    /// Set the time from the stop signal to SIGKILL [default: the platform's]
    ///
    /// On a laptop the default is 10s.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true)]
    pub grace: Option<Duration>,

    /// Inject a fault; may be given more than once
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

/// The queue for orders that outlive the process.
const NAME: &str = "ebbtide-demo-orders";

/// After a crash, leased jobs are redelivered after this time; a job takes milliseconds.
const LEASE: Duration = Duration::from_secs(5);

/// Longer than any rehearsal: a job that the fault keeps is still leased when the queue is inspected.
const KEPT: Duration = Duration::from_secs(600);

impl Args {
    /// Returns the location of the queue for a service with its data in `folder`, and its orders in `database` if that is given.
    ///
    /// By default the queue is stored with the orders: neither is of use without the other.
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

    /// Returns the setting that requires a feature which this build does not have, for a service with its orders in `database` if
    /// that is given.
    pub fn missing_feature(&self, database: Option<&str>) -> Option<MissingFeature> {
        let of = |kind: QueueKind, setting: String| {
            kind.missing_feature().map(|feature| MissingFeature::new(setting, feature))
        };
        let queue = self.queue.and_then(|kind| of(kind, format!("--queue {}", kind.name())));
        queue.or_else(|| database.and_then(|_| of(QueueKind::Postgres, "DATABASE_URL".to_owned())))
    }

    /// Returns whether the queue is removed together with the orders and their folder.
    pub(crate) fn is_temporary(&self, database: Option<&str>) -> bool {
        self.data.is_none() && database.is_none() && self.queue_name.is_none()
    }
}

impl MissingFeature {
    /// Describes a setting, such as `--queue redis` or `DATABASE_URL`, and the feature that it requires.
    pub fn new(setting: impl Into<String>, feature: &'static str) -> Self {
        Self { setting: setting.into(), feature }
    }

    /// Returns advice: how to get the feature, or how to run without it.
    pub fn hint(&self) -> String {
        let Self { setting, feature } = self;
        format!("build with `cargo build --release --features {feature}`, or run without `{setting}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            MissingFeature { .. } => MissingFeature::new("--queue redis", "redis");
        }
    }
}
