use ebbtide::BoxError;
use sqlx::{ConnectOptions as _, Connection as _};

use super::onlooker::Onlooker;
use super::place::SCHEMA;
use super::{QueueKind, QueuePlace};

impl QueuePlace {
    /// Removes the queue and all that is in it, which nobody may be using. In SQLite it goes with its file.
    ///
    /// # Errors
    ///
    /// When the broker cannot be told.
    pub async fn remove(&self) -> Result<(), BoxError> {
        match self.kind {
            QueueKind::Sqlite => {}
            QueueKind::Postgres => {
                let options: sqlx::postgres::PgConnectOptions = self.url.parse()?;
                let mut connection = options.options([("search_path", SCHEMA)]).connect().await?;
                let query = sqlx::query("DELETE FROM ebbtide_jobs WHERE queue = $1").bind(&self.name);
                query.execute(&mut connection).await?;
                connection.close().await?;
            }
            QueueKind::Redis => {
                let client = redis::Client::open(&*self.url)?;
                let mut connection = client.get_multiplexed_async_connection().await?;
                let keys =
                    [self.name.clone(), format!("{}:delayed", self.name), format!("{}:dead", self.name)];
                let () = redis::cmd("DEL").arg(&keys).query_async(&mut connection).await?;
            }
            // Those of the retries go by themselves, when they have been idle.
            QueueKind::Rabbitmq => {
                Onlooker::new(&self.url).remove([&self.name, &format!("{}.dead", self.name)]).await?
            }
            QueueKind::Nats => {
                let context = async_nats::jetstream::new(self.nats().await?);
                for stream in [self.name.clone(), format!("{}-dead", self.name)] {
                    context.delete_stream(stream).await?;
                }
            }
            #[cfg(feature = "sqs")]
            QueueKind::Sqs => super::sqs::remove(self).await?,
        }
        Ok(())
    }
}
