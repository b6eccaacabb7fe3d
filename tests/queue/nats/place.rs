use std::time::Duration;

use async_nats::jetstream::consumer::Info;
use async_nats::jetstream::{self, Context};
use ebbtide_nats::{NatsBuilder, NatsQueue};

use crate::support::unique;

/// A unique queue name in NATS, and a separate connection. Its streams are deleted on drop.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) context: Context,
}

/// A dead-lettered job.
pub(super) struct Dead {
    pub(super) payload: Vec<u8>,
    pub(super) headers: async_nats::HeaderMap,
}

impl Place {
    pub(super) async fn new() -> Self {
        let url = std::env::var("EBBTIDE_TEST_NATS");
        Self::at(url.unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned())).await
    }

    pub(super) async fn at(url: String) -> Self {
        let context = jetstream::new(async_nats::connect(&url).await.unwrap());
        Self { name: format!("ebbtide-test-{}", unique()), url, context }
    }

    pub(super) fn builder(&self) -> NatsBuilder {
        NatsQueue::builder(&self.name).url(&self.url)
    }

    /// Opens a consumer with the default lease, which does not expire during a test.
    pub(super) async fn open(&self) -> NatsQueue {
        self.builder().open().await.unwrap()
    }

    /// Opens a consumer with a short lease.
    pub(super) async fn open_short(&self, lease: Duration) -> NatsQueue {
        self.builder().lease(lease).open().await.unwrap()
    }

    /// Returns the server's information about the durable consumer.
    pub(super) async fn info(&self) -> Info {
        self.context.get_stream(&self.name).await.unwrap().consumer_info(&self.name).await.unwrap()
    }

    /// Returns the number of outstanding deliveries of all consumers.
    pub(super) async fn outstanding(&self) -> usize {
        self.info().await.num_ack_pending
    }

    /// Returns the number of jobs, without the dead-lettered ones.
    pub(super) async fn messages(&self) -> u64 {
        self.context.get_stream(&self.name).await.unwrap().cached_info().state.messages
    }

    pub(super) async fn dead_lettered(&self) -> Vec<Dead> {
        let stream = self.context.get_stream(format!("{}-dead", self.name)).await.unwrap();
        let mut dead_lettered = Vec::new();
        for number in 1..=stream.cached_info().state.last_sequence {
            let message = stream.get_raw_message(number).await.unwrap();
            dead_lettered.push(Dead { payload: message.payload.to_vec(), headers: message.headers });
        }
        dead_lettered
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        // The test's runtime is about to end. A server that the test started may have exited, with all its data.
        let removing = std::thread::Builder::new().spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let limit = Duration::from_secs(5);
                let connecting = tokio::time::timeout(limit, async_nats::connect(&url)).await;
                if let Ok(Ok(client)) = connecting {
                    let context = jetstream::new(client);
                    for name in [name.clone(), format!("{name}-dead")] {
                        let _gone_already = context.delete_stream(name).await;
                    }
                }
            });
        });
        let _removed = removing.map(std::thread::JoinHandle::join);
    }
}
