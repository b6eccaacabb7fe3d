//! The promises of a queue, one by one.

use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::testing::queue::{Buried, Census, Relay, Subject, Verdict, conforms};
use ebbtide_redis::RedisQueue;

use super::place::Place;

struct Jobs {
    relay: Relay,
    place: Place,
}

impl Jobs {
    async fn new() -> Result<Self, BoxError> {
        let place = Place::new();
        let broker = place.url.trim_start_matches("redis://").trim_end_matches('/').to_owned();
        Ok(Self { relay: Relay::open(&broker).await?, place })
    }

    async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> Result<T, BoxError> {
        let mut command = redis::cmd(words[0]);
        Ok(command.arg(&words[1..]).query_async(&mut self.place.connection().await).await?)
    }
}

impl Subject for Jobs {
    type Queue = RedisQueue;

    async fn open(&self, lease: Duration) -> Result<RedisQueue, BoxError> {
        let url = format!("redis://{}", self.relay.address());
        Ok(self.place.builder().url(url).lease(lease).open().await?)
    }

    async fn push(&self, payload: &[u8]) -> Result<(), BoxError> {
        let mut command = redis::cmd("XADD");
        command.arg(&self.place.name).arg("*").arg("payload").arg(payload);
        Ok(command.query_async(&mut self.place.connection().await).await?)
    }

    async fn census(&self) -> Result<Census, BoxError> {
        let name = &*self.place.name;
        let stream: u64 = self.ask(&["XLEN", name]).await?;
        let delayed: u64 = self.ask(&["ZCARD", &format!("{name}:delayed")]).await?;
        let buried = self.ask(&["XLEN", &format!("{name}:dead")]).await?;
        let leased = self.place.pending().await;
        Ok(Census { waiting: stream - leased + delayed, leased: Some(leased), buried })
    }

    async fn buried(&self) -> Result<Vec<Buried>, BoxError> {
        let error = |text: &Vec<u8>| String::from_utf8_lossy(text).into_owned();
        let buried = self.place.buried().await.into_iter();
        let of = |job: std::collections::BTreeMap<String, Vec<u8>>| Buried {
            payload: job["payload"].clone(),
            error: job.get("ebbtide-error").map(error),
        };
        Ok(buried.map(of).collect())
    }

    async fn cut_off(&self) -> Result<bool, BoxError> {
        self.relay.cut().await;
        Ok(true)
    }

    async fn mend(&self) -> Result<(), BoxError> {
        Ok(self.relay.mend().await?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_keeps_every_promise() {
    let kept = conforms(Jobs::new).await.unwrap();
    assert!(kept.iter().all(|(_, verdict)| *verdict == Verdict::Kept), "{kept:?}");
}
