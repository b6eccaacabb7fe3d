//! The consequence of a close that was cancelled at its deadline, or was done before, is not a failure of the component that is
//! closed next: the exit code reports the cancellation.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::sync::Arc;
use std::time::Duration;

use ebbtide::model::Outcome;
use ebbtide::{BoxError, Handle, LameDuck, Lifecycle, Report};
use ebbtide_nats::NatsExt as _;
use ebbtide_rabbitmq::RabbitExt as _;
use ebbtide_redis::RedisExt as _;
use ebbtide_tests::{Stall, services};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

/// Long enough for a close that gets a response, which follows one that does not.
const GRACE: Duration = Duration::from_secs(6);

/// Which close is cancelled: that of a channel whose confirms don't come, or of one whose end is not confirmed.
#[derive(Clone, Copy, Debug)]
enum Waits {
    ForConfirms,
    ForItsEnd,
}

fn run(start_up: impl AsyncFnOnce(Handle) -> Result<(), BoxError> + Send) -> Report {
    let lifecycle = Lifecycle::new("test").grace(GRACE).lame_duck(LameDuck::NONE).worker_threads(2);
    lifecycle.run_to_report(start_up).expect("the lifecycle starts")
}

/// Stops with a server that does not respond until the channel's close was cancelled, and then does.
async fn cancelled(waits: Waits, connection: fn(&Handle, Connection) -> Arc<Connection>) -> Report {
    let url = services::rabbitmq();
    let stall = Arc::new(Stall::before(&services::address(&url)).await);
    let url = services::through(&url, stall.addr);
    let stopping = tokio::task::spawn_blocking(move || {
        run(async move |app| {
            let made = Connection::connect(&url, ConnectionProperties::default()).await?;
            let made = connection(&app, made);
            // Closed after the channel and before the connection.
            let opens = Arc::clone(&stall);
            app.resource("way", (), |()| async move {
                opens.release();
                Ok(())
            });
            let channel = made.create_channel().await?;
            if let Waits::ForConfirms = waits {
                channel.confirm_select(ConfirmSelectOptions::default()).await?;
            }
            let channel = app.lapin_channel("channel", channel);
            stall.hold_to_server();
            publish(&channel).await?;
            app.stop("enough");
            Ok(())
        })
    });
    stopping.await.expect("no panic")
}

/// Publishes to a queue that does not exist, so that no message stays on the server.
async fn publish(channel: &Channel) -> Result<(), BoxError> {
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let name = services::unique("nobody");
    drop(channel.basic_publish("".into(), name.as_str().into(), options, b"job", properties).await?);
    Ok(())
}

fn outcome<'a>(report: &'a Report, component: &str) -> Option<&'a Outcome> {
    report.components.iter().find(|one| one.name == component)?.outcome.as_ref()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rabbitmq_connection_does_not_fail_after_a_cancelled_close_of_its_channel() {
    for waits in [Waits::ForConfirms, Waits::ForItsEnd] {
        let report = cancelled(waits, |app, made| app.lapin("connection", made)).await;
        assert!(matches!(outcome(&report, "channel"), Some(Outcome::Cancelled)), "{waits:?}: {report:#?}");
        assert!(
            !matches!(outcome(&report, "connection"), Some(Outcome::Failed { .. })),
            "{waits:?}: {report:#?}"
        );
        assert_eq!(report.exit_code, 3, "{waits:?}: {report:#?}");
    }
}

/// The opposite: a close that reports its client's error about a closed connection as a failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_close_that_reports_the_consequence_as_a_failure_exits_with_1() {
    let mut codes = Vec::new();
    for waits in [Waits::ForConfirms, Waits::ForItsEnd] {
        let by_hand: fn(&Handle, Connection) -> Arc<Connection> = |app, made| {
            app.resource("connection", Arc::new(made), |made| async move {
                Ok(made.close(200, "the service stops".into()).await?)
            })
        };
        let report = cancelled(waits, by_hand).await;
        codes.push((waits, report.exit_code, outcome(&report, "connection").cloned()));
    }
    assert!(codes.iter().any(|(_, code, _)| *code == 1), "{codes:#?}");
}

/// Two components that have the same client: the first close ends it for both. RabbitMQ's is closed twice, in the wrong order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_a_client_before_its_turn_is_not_a_failure() {
    let stopping = tokio::task::spawn_blocking(|| {
        run(async |app| {
            let nats = async_nats::connect(services::nats()).await?;
            app.nats("nats", nats.clone());
            app.nats("the same nats", nats);
            let made = Connection::connect(&services::rabbitmq(), ConnectionProperties::default()).await?;
            let made = app.lapin("rabbitmq", made);
            let again = Arc::clone(&made);
            app.resource("the same rabbitmq", (), |()| async move {
                Ok(again.close(200, "closed manually".into()).await?)
            });
            let redis = redis::Client::open(services::redis())?.get_multiplexed_async_connection().await?;
            app.redis("redis", redis.clone());
            app.redis("the same redis", redis);
            app.stop("enough");
            Ok(())
        })
    });
    let report = stopping.await.expect("no panic");
    assert_eq!(report.exit_code, 0, "{report:#?}");
}
