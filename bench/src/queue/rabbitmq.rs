use ebbtide::BoxError;
use ebbtide_rabbitmq::RabbitQueue;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ChannelFlowOptions,
    ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use tokio::sync::Mutex;

use super::broker::{Broker, ByHand, Confirmed, Work, own_name, server};

/// A queue of its own.
pub(super) struct RabbitMq {
    name: String,
    channel: Channel,
    queue: RabbitQueue,
    connection: Connection,
    /// Of who works by hand: what it still has goes back when it is closed.
    by_hand: Mutex<Option<Connection>>,
}

impl Broker for RabbitMq {
    type Queue = RabbitQueue;

    async fn filled(jobs: u32) -> Result<Self, BoxError> {
        let name = own_name();
        let queue = RabbitQueue::builder(&name).url(url()).open().await?;
        let connection = connect().await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut stored = Vec::new();
        for number in 0..jobs {
            // Persistent, and with an id, as the adapter's own are.
            let id = ShortString::from(number.to_string());
            let properties = BasicProperties::default().with_delivery_mode(2).with_message_id(id);
            let (key, options) = (ShortString::from(&*name), BasicPublishOptions::default());
            stored.push(channel.basic_publish("".into(), key, options, b"", properties).await?);
        }
        for stored in stored {
            stored.await?;
        }
        Ok(Self { name, channel, queue, connection, by_hand: Mutex::default() })
    }

    fn queue(&self) -> RabbitQueue {
        self.queue.clone()
    }

    async fn by_hand(&self, work: &Work, places: usize, confirmed: Confirmed) -> Result<(), BoxError> {
        let connection = connect().await?;
        let channel = connection.create_channel().await?;
        *self.by_hand.lock().await = Some(connection);
        channel.basic_qos(u16::try_from(places)?, BasicQosOptions::default()).await?;
        let (queue, options) = (ShortString::from(&*self.name), BasicConsumeOptions::default());
        let consumer = channel.basic_consume(queue, "".into(), options, FieldTable::default()).await?;
        Consuming { channel, consumer, confirmed }.work_off(work, places).await
    }

    async fn left(&self) -> Result<u64, BoxError> {
        if let Some(connection) = self.by_hand.lock().await.take() {
            connection.close(200, "done".into()).await?;
        }
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let name = ShortString::from(&*self.name);
        Ok(self.channel.queue_declare(name, options, FieldTable::default()).await?.message_count().into())
    }

    async fn remove(self) -> Result<(), BoxError> {
        for name in [&*self.name, &*self.queue.dead_name()] {
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

impl ByHand for Consuming {
    type Job = Delivery;

    /// RabbitMQ sends as many ahead as there are places.
    async fn take(&mut self, max: usize) -> Result<Vec<Delivery>, BoxError> {
        let mut taken = vec![self.consumer.next().await.ok_or("the consumer has ended")??];
        while taken.len() < max
            && let Some(Some(next)) = self.consumer.next().now_or_never()
        {
            taken.push(next?);
        }
        Ok(taken)
    }

    /// AMQP has no answer to an acknowledgement: that to the next command on the channel tells that it was dealt with.
    async fn ack(self, job: Delivery) -> Result<(), BoxError> {
        self.channel.basic_ack(job.delivery_tag, BasicAckOptions::default()).await?;
        if self.confirmed == Confirmed::Yes {
            self.channel.channel_flow(ChannelFlowOptions { active: true }).await?;
        }
        Ok(())
    }
}

async fn connect() -> Result<Connection, BoxError> {
    Ok(Connection::connect(&url(), ConnectionProperties::default()).await?)
}

fn url() -> String {
    server("EBBTIDE_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672/%2f")
}
