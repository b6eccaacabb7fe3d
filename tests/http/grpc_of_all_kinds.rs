//! Calls of all four kinds finish during the shutdown. A stream that never ends gets UNAVAILABLE and does not delay the shutdown.
#![expect(clippy::expect_used, reason = "an unexpected outcome of a call fails its test")]

use std::time::Duration;

use ebbtide_tests::streaming::{KindsClient, Number};
use ebbtide_tests::{Served, service};
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

const GRACE: Duration = Duration::from_secs(6);

fn start(args: &[&str]) -> Served {
    start_with(args, "6s", "500ms")
}

fn start_with(args: &[&str], grace: &str, lame_duck: &str) -> Served {
    let mut command = service("kinds");
    command.args(args).env("EBBTIDE_GRACE", grace).env("EBBTIDE_LAME_DUCK", lame_duck);
    let served = Served::start(&mut command);
    if args.is_empty() {
        served.process.says("phase=ready");
    }
    served
}

async fn connect(served: &Served) -> KindsClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", served.addr)).expect("an address");
    KindsClient::new(endpoint.connect().await.expect("the server accepts"))
}

/// Returns a sender and the stream of the numbers that it sends.
fn numbers() -> (mpsc::Sender<u64>, impl futures_util::Stream<Item = Number> + Send + 'static) {
    let (send, receive) = mpsc::channel(16);
    let numbers = stream::unfold(receive, |mut receive| async move {
        let value = receive.recv().await?;
        Some((Number { value, ms: 0 }, receive))
    });
    (send, numbers)
}

async fn rest(mut stream: tonic::Streaming<Number>) -> Result<Vec<u64>, Status> {
    let mut values = Vec::new();
    while let Some(number) = stream.message().await? {
        values.push(number.value);
    }
    Ok(values)
}

/// Makes a call of each kind on a separate connection. Each begins before the stop and ends after the drain has begun. Returns
/// their results.
async fn all_kinds_across_the_stop(served: &mut Served) -> [Result<Vec<u64>, Status>; 4] {
    let (mut unary, mut counting) = (connect(served).await, connect(served).await);
    let (mut summing, mut echoing) = (connect(served).await, connect(served).await);
    let mut count = counting.count(Number { value: 40, ms: 20 }).await.expect("a stream").into_inner();
    assert_eq!(count.message().await.expect("a number").map(|number| number.value), Some(1));
    let (echo_in, to_echo) = numbers();
    let mut echo = echoing.echo(to_echo).await.expect("a stream").into_inner();
    echo_in.send(1).await.expect("the number is sent");
    assert_eq!(echo.message().await.expect("an echo").map(|number| number.value), Some(1));
    let (sum_in, to_sum) = numbers();
    let mut calls = JoinSet::new();
    calls.spawn(async move { ("sum", summing.sum(to_sum).await) });
    sum_in.send(1).await.expect("the number is sent");
    served.process.says("sum number.value=1");
    calls.spawn(async move { ("double", unary.double(Number { value: 21, ms: 1000 }).await) });
    served.process.says("double value=21");
    served.terminate();
    served.process.says("phase=draining");
    // From here on no new call is accepted; existing calls continue.
    for number in 2..=10 {
        sum_in.send(number).await.expect("the number is sent");
        echo_in.send(number).await.expect("the number is sent");
    }
    drop((sum_in, echo_in));
    let (count, echo) = tokio::join!(rest(count), rest(echo));
    let mut replies = calls.join_all().await;
    replies.sort_by_key(|(name, _)| *name);
    let mut replies = replies.into_iter().map(|(_, reply)| reply.map(|reply| vec![reply.into_inner().value]));
    let (double, sum) = (replies.next().expect("double"), replies.next().expect("sum"));
    [double, count, sum, echo]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_calls_of_all_kinds_finish_during_the_shutdown() {
    let mut served = start(&[]);
    let [double, count, sum, echo] = all_kinds_across_the_stop(&mut served).await;
    assert_eq!(double.expect("unary"), [42]);
    assert_eq!(count.expect("server streaming"), (2..=40).collect::<Vec<_>>());
    assert_eq!(sum.expect("client streaming"), [55]);
    assert_eq!(echo.expect("bidirectional"), (2..=10).collect::<Vec<_>>());
    served.ended(GRACE).await.code(0);
}

/// Opens an endless stream and stops the server.
async fn endless(served: &mut Served) -> (KindsClient<Channel>, tonic::Streaming<Number>) {
    let mut client = connect(served).await;
    let mut stream = client.count(Number { value: 0, ms: 10 }).await.expect("a stream").into_inner();
    for _ in 0..10 {
        stream.message().await.expect("a number");
    }
    served.terminate();
    (client, stream)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_grpc_stream_is_cancelled_at_the_deadline_and_the_process_exits_in_time() {
    let mut served = start(&[]);
    let (_client, mut stream) = endless(&mut served).await;
    let end = async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                other => return other,
            }
        }
    };
    let (end, ended) = tokio::join!(end, served.ended(GRACE));
    let end = end.expect_err("a cancelled stream looks complete");
    assert_eq!(end.code(), Code::Unavailable, "{end:?}");
    ended.code(3).within(GRACE).said("POST /kinds.Kinds/Count").said("cancelled=1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_without_an_answer_gets_unavailable_at_the_deadline() {
    let mut served = start(&[]);
    let mut client = connect(&served).await;
    let mut call = JoinSet::new();
    call.spawn(async move { client.double(Number { value: 7, ms: 60_000 }).await });
    served.process.says("double value=7");
    served.terminate();
    let ended = served.ended(GRACE).await;
    let status = call.join_all().await.remove(0).expect_err("the call has no response");
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    ended.code(3).within(GRACE).said("POST /kinds.Kinds/Double").said("cancelled=1");
}

/// The opposite: tonic's server waits for the stream until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tonics_own_server_outlives_its_grace_period() {
    let mut served = start(&["tonic"]);
    let (_client, mut stream) = endless(&mut served).await;
    let mut reading = JoinSet::new();
    reading.spawn(async move { while let Ok(Some(_)) = stream.message().await {} });
    assert!(served.ended_or_not(GRACE).await.is_none(), "the process exited");
    assert!(reading.try_join_next().is_none(), "the stream ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_connects_during_the_lame_duck_is_answered() {
    // The lame duck lasts while clients connect, and then ends.
    let mut served = start_with(&[], "30s", "500ms/2s/12s");
    served.terminate();
    served.process.says("phase=lame_duck");
    for value in 0..20 {
        let mut late = connect(&served).await;
        let reply = late.double(Number { value, ms: 0 }).await.expect("an answer");
        assert_eq!(reply.into_inner().value, 2 * value);
    }
    served.ended(GRACE * 5).await.code(0);
}
