use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use aws_sdk_sqs::{Client, Config};
use ebbtide_sqs::{SqsBuilder, SqsQueue};

use crate::support::unique;

/// Unique queues in SQS, and a separate client. The queues are deleted on drop.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) endpoint: String,
    pub(super) client: Client,
}

/// A dead-lettered job.
pub(super) struct Dead {
    pub(super) body: String,
    pub(super) attributes: HashMap<String, MessageAttributeValue>,
}

/// The numbers of messages in a queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) visible: u64,
    pub(super) in_flight: u64,
}

impl Place {
    pub(super) fn new() -> Self {
        let endpoint = std::env::var("EBBTIDE_TEST_SQS");
        let endpoint = endpoint.unwrap_or_else(|_| "http://127.0.0.1:4566".to_owned());
        let client = client(&endpoint);
        Self { name: format!("ebbtide-test-{}", unique()), endpoint, client }
    }

    pub(super) fn builder(&self) -> SqsBuilder {
        SqsQueue::builder(self.client.clone(), &self.name)
    }

    /// Opens a consumer with the default lease, which does not expire during a test.
    pub(super) async fn open(&self) -> SqsQueue {
        self.builder().poll(Duration::from_secs(1)).open().await.unwrap()
    }

    /// Opens a consumer with a short lease.
    pub(super) async fn open_short(&self, lease: Duration) -> SqsQueue {
        self.builder().lease(lease).open().await.unwrap()
    }

    pub(super) async fn url(&self, name: &str) -> String {
        Box::pin(self.client.get_queue_url().queue_name(name).send()).await.unwrap().queue_url.unwrap()
    }

    /// Sends a message as another program would.
    pub(super) async fn send(&self, body: &str, attributes: HashMap<String, MessageAttributeValue>) {
        let sending = self.client.send_message().queue_url(self.url(&self.name).await).message_body(body);
        Box::pin(sending.set_message_attributes(Some(attributes)).send()).await.unwrap();
    }

    /// Returns the server's counts of the queue.
    pub(super) async fn counts(&self) -> Counts {
        self.counts_of(&self.name).await
    }

    pub(super) async fn counts_of(&self, name: &str) -> Counts {
        let asking = self.client.get_queue_attributes().queue_url(self.url(name).await);
        let asked = Box::pin(asking.attribute_names(QueueAttributeName::All).send()).await.unwrap();
        let asked = asked.attributes.unwrap();
        let count = |name| asked[&name].parse::<u64>().unwrap();
        Counts {
            visible: count(QueueAttributeName::ApproximateNumberOfMessages),
            in_flight: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
        }
    }

    /// Returns the dead-lettered jobs without removing them.
    pub(super) async fn dead_lettered(&self) -> Vec<Dead> {
        let url = self.url(&format!("{}-dead", self.name)).await;
        let (mut dead, mut handles) = (Vec::new(), Vec::new());
        loop {
            let asking = self.client.receive_message().queue_url(&url).max_number_of_messages(10);
            let asking = asking.visibility_timeout(60).message_attribute_names("All");
            let came = Box::pin(asking.send()).await.unwrap();
            if came.messages().is_empty() {
                break;
            }
            for message in came.messages.unwrap() {
                handles.push(message.receipt_handle.unwrap());
                let attributes = message.message_attributes.unwrap_or_default();
                dead.push(Dead { body: message.body.unwrap(), attributes });
            }
        }
        for handle in handles {
            let back = self.client.change_message_visibility().queue_url(&url).receipt_handle(handle);
            Box::pin(back.visibility_timeout(0).send()).await.unwrap();
        }
        dead
    }
}

impl Dead {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.string_value()
    }
}

/// Returns a client of the server at an address.
pub(super) fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::for_tests())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}

pub(super) fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
}

impl Drop for Place {
    fn drop(&mut self) {
        let (endpoint, name) = (self.endpoint.clone(), self.name.clone());
        // The test's runtime is about to end.
        let removing = std::thread::Builder::new().spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let client = client(&endpoint);
                for name in [name.clone(), format!("{name}-dead")] {
                    if let Ok(found) = client.get_queue_url().queue_name(name).send().await {
                        let _gone_already = client.delete_queue().set_queue_url(found.queue_url).send().await;
                    }
                }
            });
        });
        let _removed = removing.map(std::thread::JoinHandle::join);
    }
}
