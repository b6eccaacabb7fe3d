use std::fmt;
use std::time::Duration;

use ebbtide::model::part;
use ebbtide::queue::{JobCounts, Settled, Settlement};
use redis::{FromRedisValue, Script, ScriptInvocation};
use tokio::time::timeout;

use super::entry::{Entry, Fields, PAYLOAD, RedisReceipt};
use super::error::RedisQueueError;
use super::link::Link;

/// A consumer that has nothing pending and was silent for this long is deleted.
const FORGET: Duration = Duration::from_secs(3600);

/// The maximum number of entries for one script call: Lua's stack holds a few thousand.
const MOST: usize = 1000;

/// All commands to Redis except the blocking read.
pub(super) struct Commands {
    pub(super) link: Link,
    pub(super) keys: Keys,
    pub(super) group: String,
    pub(super) consumer: String,
    pub(super) lease: Duration,
    pub(super) scripts: Scripts,
}

/// The result of a sweep over delayed entries and over entries whose consumer died.
#[derive(Debug)]
pub(super) struct Swept {
    pub(super) cursor: String,
    pub(super) next_due: Option<Duration>,
    pub(super) entries: Vec<Entry>,
}

impl Commands {
    pub(super) async fn set_up(&self) -> Result<(), RedisQueueError> {
        let mut script = self.on_stream(&self.scripts.setup);
        self.invoke::<()>(script.arg(millis(FORGET))).await
    }

    pub(super) async fn push(&self, payload: &[u8]) -> Result<String, RedisQueueError> {
        let mut command = redis::cmd("XADD");
        command.arg(&self.keys.stream).arg("*").arg(PAYLOAD).arg(payload);
        self.link.query(&command).await.map_err(|error| self.error(error))
    }

    pub(super) async fn sweep(&self, max: usize, cursor: &str) -> Result<Swept, RedisQueueError> {
        let mut script = self.on_all(&self.scripts.sweep);
        script.arg(&self.consumer).arg(millis(self.lease)).arg(max).arg(cursor);
        let (cursor, wait, entries): (String, i64, Vec<Entry>) = self.invoke(&script).await?;
        Ok(Swept { cursor, next_due: u64::try_from(wait).ok().map(Duration::from_millis), entries })
    }

    /// Acknowledges all deliveries, or fails for all of them. Reads as many new entries into `ahead`, if given.
    ///
    /// Entries that were read stay read when a later part fails.
    pub(super) async fn ack(
        &self,
        receipts: &[RedisReceipt],
        mut ahead: Option<&mut Vec<Entry>>,
    ) -> Result<Vec<Settled>, RedisQueueError> {
        let mut settled = Vec::with_capacity(receipts.len());
        for receipts in receipts.chunks(MOST) {
            let mut script = self.on_stream(&self.scripts.ack);
            script.arg(&self.consumer).arg(if ahead.is_some() { receipts.len() } else { 0 });
            for receipt in receipts {
                script.arg(&receipt.entry).arg(receipt.count);
            }
            let (done, read): (Vec<bool>, Fields) = match self.invoke(&script).await {
                // The group is missing, and all deliveries of this consumer with it.
                Err(error) if error.is_gone() => (vec![false; receipts.len()], Vec::new()),
                other => other?,
            };
            settled.extend(done.into_iter().map(|done| if done { Settled::Done } else { Settled::Lost }));
            if let Some(ahead) = &mut ahead {
                ahead.extend(read.into_iter().map(|(id, fields)| Entry::new(id, fields)));
            }
        }
        Ok(settled)
    }

    pub(super) async fn settle(
        &self,
        receipt: &RedisReceipt,
        settlement: &Settlement,
    ) -> Result<Settled, RedisQueueError> {
        let (what, after, error) = match settlement {
            Settlement::Ack => ("ack", Duration::ZERO, ""),
            Settlement::Requeue => ("back", Duration::ZERO, ""),
            Settlement::Retry { after, error } => ("retry", *after, error.as_str()),
            Settlement::DeadLetter { error } => ("dead", Duration::ZERO, error.as_str()),
        };
        let mut script = self.on_all(&self.scripts.settle);
        script.arg(&self.consumer).arg(&receipt.entry).arg(receipt.count);
        script.arg(what).arg(millis(after)).arg(error);
        match self.invoke(&script).await {
            Ok(true) => Ok(Settled::Done),
            Ok(false) => Ok(Settled::Lost),
            // The group is missing, and all deliveries of this consumer with it: there is nothing left to settle.
            Err(error) if error.is_gone() => Ok(Settled::Lost),
            Err(error) => Err(error),
        }
    }

    /// Renews leases over `renewals`, and over the usual connection if that fails or takes longer than a sixth of the
    /// lease.
    pub(super) async fn extend(
        &self,
        renewals: &Link,
        receipts: &[RedisReceipt],
    ) -> Result<(), RedisQueueError> {
        let mut script = self.on_stream(&self.scripts.extend);
        script.arg(&self.consumer);
        for receipt in receipts {
            script.arg(&receipt.entry).arg(receipt.count);
        }
        let renewed = match timeout(part(self.lease, 1, 6), renewals.invoke(&script)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if !(error.is_io_error() || error.is_timeout()) => Err(self.error(error)),
            _ => {
                // It may be the connection of a runtime that has ended.
                renewals.close().await;
                self.invoke(&script).await
            }
        };
        match renewed {
            Err(error) if error.is_gone() => Ok(()),
            other => other,
        }
    }

    /// Returns the entries that are pending for this consumer and are not in `known`, and renews their lease.
    pub(super) async fn unknown(&self, known: &[RedisReceipt]) -> Result<Vec<Entry>, RedisQueueError> {
        let mut script = self.on_stream(&self.scripts.withdraw);
        script.arg(&self.consumer);
        for receipt in known {
            script.arg(&receipt.entry).arg(receipt.count);
        }
        match self.invoke(&script).await {
            Err(error) if error.is_gone() => Ok(Vec::new()),
            other => other,
        }
    }

    /// Deletes this consumer from the group.
    ///
    /// # Errors
    ///
    /// Returns an error if an entry is still pending for this consumer. It is not deleted then.
    pub(super) async fn leave(&self) -> Result<(), RedisQueueError> {
        let mut script = self.on_stream(&self.scripts.leave);
        match self.invoke::<u64>(script.arg(&self.consumer)).await {
            Ok(0) => Ok(()),
            Ok(pending) => Err(RedisQueueError::Pending(pending)),
            Err(error) if error.is_gone() => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn counts(&self) -> Result<JobCounts, RedisQueueError> {
        let (stream, leased, delayed, dead_lettered): (u64, u64, u64, u64) =
            self.invoke(&self.on_all(&self.scripts.counts)).await?;
        Ok(JobCounts::new(stream.saturating_sub(leased) + delayed, leased, dead_lettered))
    }

    pub(super) fn error(&self, error: redis::RedisError) -> RedisQueueError {
        RedisQueueError::new(error, &self.keys.stream)
    }

    async fn invoke<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, RedisQueueError> {
        self.link.invoke(script).await.map_err(|error| self.error(error))
    }

    fn on_stream<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut invocation = script.key(&self.keys.stream);
        invocation.arg(&self.group);
        invocation
    }

    fn on_all<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut invocation = script.key(&self.keys.stream);
        invocation.key(&self.keys.delayed).key(&self.keys.dead).arg(&self.group);
        invocation
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, group, consumer, lease, .. } = self;
        f.debug_struct("Commands")
            .field("keys", keys)
            .field("group", group)
            .field("consumer", consumer)
            .field("lease", lease)
            .finish_non_exhaustive()
    }
}

/// Converts to Redis milliseconds. A script's numbers are exact up to 2^53, which is enough.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(1 << 52)
}

/// The keys of a queue in Redis.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// The stream: waiting and leased jobs.
    pub(super) stream: String,
    /// A sorted set: jobs whose delay has not passed.
    pub(super) delayed: String,
    /// A stream: dead-lettered jobs.
    pub(super) dead: String,
}

impl Keys {
    pub(super) fn new(name: String) -> Self {
        Self { delayed: format!("{name}:delayed"), dead: format!("{name}:dead"), stream: name }
    }
}

/// The operations that must be atomic: Redis runs each script as a whole or not at all.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) setup: Script,
    pub(super) sweep: Script,
    pub(super) ack: Script,
    pub(super) settle: Script,
    pub(super) extend: Script,
    pub(super) withdraw: Script,
    pub(super) leave: Script,
    pub(super) counts: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            setup: Script::new(include_str!("scripts/setup.lua")),
            sweep: Script::new(include_str!("scripts/sweep.lua")),
            ack: Script::new(include_str!("scripts/ack.lua")),
            settle: Script::new(include_str!("scripts/settle.lua")),
            extend: Script::new(include_str!("scripts/extend.lua")),
            withdraw: Script::new(include_str!("scripts/withdraw.lua")),
            leave: Script::new(include_str!("scripts/leave.lua")),
            counts: Script::new(include_str!("scripts/counts.lua")),
        }
    }
}
