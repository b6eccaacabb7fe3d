//! Queues of a message broker: RabbitMQ and SQS.

use std::time::Duration;

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::types::{Message, QueueAttributeName, SendMessageBatchRequestEntry};
use aws_sdk_sqs::{Client, Config};
use ebbtide::BoxError;
use ebbtide_rabbitmq::RabbitQueue;
use ebbtide_sqs::SqsQueue;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ChannelFlowOptions,
    ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use tokio::sync::Mutex;

use super::broker::{Broker, Confirmed, PlainClient, Work, own_name, server};

/// A separate queue.
pub(super) struct RabbitMq {
    name: String,
    channel: Channel,
    queue: RabbitQueue,
    connection: Connection,
    /// The channel of the manual loop. Closing it requeues its deliveries.
    hand_written: Mutex<Option<Connection>>,
}

impl Broker for RabbitMq {
    type Queue = RabbitQueue;

    async fn filled(jobs: u32) -> Result<Self, BoxError> {
        let name = own_name();
        let queue = RabbitQueue::builder(&name).url(amqp_url()).open().await?;
        let connection = connect().await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut stored = Vec::new();
        for number in 0..jobs {
            // Persistent and with an id, like the messages that the adapter sends.
            let id = ShortString::from(number.to_string());
            let properties = BasicProperties::default().with_delivery_mode(2).with_message_id(id);
            let (key, options) = (ShortString::from(&*name), BasicPublishOptions::default());
            stored.push(channel.basic_publish("".into(), key, options, b"", properties).await?);
        }
        for stored in stored {
            stored.await?;
        }
        Ok(Self { name, channel, queue, connection, hand_written: Mutex::default() })
    }

    fn queue(&self) -> RabbitQueue {
        self.queue.clone()
    }

    async fn hand_written(&self, work: &Work, places: usize, confirmed: Confirmed) -> Result<(), BoxError> {
        let connection = connect().await?;
        let channel = connection.create_channel().await?;
        *self.hand_written.lock().await = Some(connection);
        channel.basic_qos(u16::try_from(places)?, BasicQosOptions::default()).await?;
        let (queue, options) = (ShortString::from(&*self.name), BasicConsumeOptions::default());
        let consumer = channel.basic_consume(queue, "".into(), options, FieldTable::default()).await?;
        Consuming { channel, consumer, confirmed }.empty_the_queue(work, places).await
    }

    async fn left(&self) -> Result<u64, BoxError> {
        if let Some(connection) = self.hand_written.lock().await.take() {
            connection.close(200, "done".into()).await?;
        }
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let name = ShortString::from(&*self.name);
        Ok(self.channel.queue_declare(name, options, FieldTable::default()).await?.message_count().into())
    }

    async fn remove(self) -> Result<(), BoxError> {
        for name in [&*self.name, &*self.queue.dead_letter_queue()] {
            self.channel.queue_delete(ShortString::from(name), QueueDeleteOptions::default()).await?;
        }
        Ok(self.connection.close(200, "done".into()).await?)
    }
}

#[derive(Clone)]
struct Consuming {
    channel: Channel,
    consumer: Consumer,
    confirmed: Confirmed,
}

impl PlainClient for Consuming {
    type Job = Delivery;

    /// The prefetch count is the number of slots.
    async fn take(&mut self, max: usize) -> Result<Vec<Delivery>, BoxError> {
        let mut taken = vec![self.consumer.next().await.ok_or("the consumer has ended")??];
        while taken.len() < max
            && let Some(Some(next)) = self.consumer.next().now_or_never()
        {
            taken.push(next?);
        }
        Ok(taken)
    }

    /// AMQP does not confirm acknowledgements. The reply to the next command on the channel shows that the broker processed it.
    async fn ack(self, job: Delivery) -> Result<(), BoxError> {
        self.channel.basic_ack(job.delivery_tag, BasicAckOptions::default()).await?;
        if self.confirmed == Confirmed::Yes {
            self.channel.channel_flow(ChannelFlowOptions { active: true }).await?;
        }
        Ok(())
    }
}

async fn connect() -> Result<Connection, BoxError> {
    Ok(Connection::connect(&amqp_url(), ConnectionProperties::default()).await?)
}

fn amqp_url() -> String {
    server("EBBTIDE_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672/%2f")
}

/// The maximum number of messages per request.
const MOST: u32 = 10;

/// A separate queue in an emulator.
pub(super) struct Sqs {
    client: Client,
    queue: SqsQueue,
    url: String,
    dead: String,
}

impl Broker for Sqs {
    type Queue = SqsQueue;

    async fn filled(jobs: u32) -> Result<Self, BoxError> {
        let (name, client) = (own_name(), client());
        let queue = SqsQueue::builder(client.clone(), &name).poll(Duration::from_secs(1)).open().await?;
        let (url, dead) = (url(&client, &name).await?, url(&client, &format!("{name}-dead")).await?);
        for begin in (0..jobs).step_by(MOST as usize) {
            let entries = (begin..jobs.min(begin + MOST)).map(|job| {
                SendMessageBatchRequestEntry::builder().id(job.to_string()).message_body("job").build()
            });
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            let sent = client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await?;
            if let Some(failed) = sent.failed().first() {
                return Err(format!("message not accepted: {failed:?}").into());
            }
        }
        Ok(Self { client, queue, url, dead })
    }

    fn queue(&self) -> SqsQueue {
        self.queue.clone()
    }

    async fn hand_written(&self, work: &Work, places: usize, _: Confirmed) -> Result<(), BoxError> {
        Receiving { client: self.client.clone(), url: self.url.clone() }.empty_the_queue(work, places).await
    }

    async fn left(&self) -> Result<u64, BoxError> {
        let asking = self.client.get_queue_attributes().queue_url(&self.url);
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let told = asking.set_attribute_names(Some(names.to_vec())).send().await?;
        let told = told.attributes.unwrap_or_default();
        let mut left = 0;
        for name in &names {
            left += told.get(name).ok_or("missing message count")?.parse::<u64>()?;
        }
        Ok(left)
    }

    async fn remove(self) -> Result<(), BoxError> {
        for url in [self.url, self.dead] {
            self.client.delete_queue().queue_url(url).send().await?;
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Receiving {
    client: Client,
    url: String,
}

impl PlainClient for Receiving {
    type Job = Message;

    async fn take(&mut self, max: usize) -> Result<Vec<Message>, BoxError> {
        let max = i32::try_from(max)?.min(i32::try_from(MOST)?);
        let asking = self.client.receive_message().queue_url(&self.url).max_number_of_messages(max);
        Ok(asking.wait_time_seconds(1).send().await?.messages.unwrap_or_default())
    }

    async fn ack(self, job: Message) -> Result<(), BoxError> {
        let deleting = self.client.delete_message().queue_url(self.url);
        deleting.set_receipt_handle(job.receipt_handle).send().await?;
        Ok(())
    }
}

async fn url(client: &Client, name: &str) -> Result<String, BoxError> {
    let found = client.get_queue_url().queue_name(name).send().await?;
    Ok(found.queue_url.ok_or("the queue has no URL")?)
}

/// Creates a client for an emulator, which accepts any credentials.
fn client() -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("any", "any", None, None, "an emulator's"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(server("EBBTIDE_TEST_SQS", "http://127.0.0.1:4566"));
    Client::from_conf(config.build())
}
