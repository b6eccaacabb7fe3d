use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use ebbtide::drain::Stop;
use ebbtide::queue::{Queue, Settled, Settlement};
use ebbtide::testing::queue::Relay;
use ebbtide_sqs::SqsQueue;
use tokio::net::TcpListener;

use super::place::{Place, client};
use crate::support::{fetch_all, now};

const LEASE: Duration = Duration::from_secs(2);

/// Calls again until it works, as the loop does.
async fn until_it_works<T, E, F: Future<Output = Result<T, E>>>(call: impl Fn() -> F) -> T {
    loop {
        if let Ok(value) = call().await {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The way to the server is cut while jobs are held and while a request waits: each call fails, what was done was done, and the
/// rest comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_and_comes_back_loses_nothing() {
    let place = Place::new();
    let producer = place.open_short(LEASE).await;
    let relay = Relay::open(place.endpoint.trim_start_matches("http://")).await.unwrap();
    // The client's own retries would hide what this is about.
    let through = client(&format!("http://{}", relay.address()));
    let through = through.config().to_builder().retry_config(RetryConfig::disabled());
    let through = Client::from_conf(through.build());
    let queue = SqsQueue::builder(through, &place.name).lease(LEASE).open().await.unwrap();
    let never = Stop::never();
    let mut left = BTreeSet::new();
    for _ in 0..3 {
        for n in 0..4 {
            left.insert(producer.push(n.to_string()).await.unwrap());
        }
        let jobs = fetch_all(&queue, 3).await;
        relay.cut().await;
        for job in &jobs {
            assert!(queue.settle(&job.receipt, Settlement::Ack).await.is_err());
        }
        assert!(queue.fetch(1, &never).await.is_err());
        relay.mend().await.unwrap();
        for job in &jobs {
            match until_it_works(|| queue.settle(&job.receipt, Settlement::Ack)).await {
                Settled::Done => assert!(left.remove(&job.id), "{} was done, and came again", job.id),
                Settled::Lost => assert!(left.contains(&job.id)),
            }
        }
        let rest = async {
            while !left.is_empty() {
                for job in until_it_works(|| queue.fetch(4, &never)).await {
                    if queue.settle(&job.receipt, Settlement::Ack).await.unwrap() == Settled::Done {
                        assert!(left.remove(&job.id), "{} was done, and came again", job.id);
                    }
                }
            }
        };
        let done = tokio::time::timeout(Duration::from_secs(30), rest).await;
        assert!(done.is_ok(), "nothing is lost, and yet these did not come: {left:?}");
        // Nothing is there: this request waits.
        let (failed, ()) = tokio::join!(queue.fetch(1, &never), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            relay.cut().await;
        });
        assert!(failed.is_err());
        relay.mend().await.unwrap();
    }
}

/// A server that takes connections and says nothing is an error as well, for every call, and a stop does not wait for it.
#[tokio::test]
async fn a_server_that_says_nothing_is_an_error_in_time() {
    let place = Place::new();
    let relay = Relay::open(place.endpoint.trim_start_matches("http://")).await.unwrap();
    let through = client(&format!("http://{}", relay.address()));
    let queue = SqsQueue::builder(through, &place.name).lease(Duration::from_secs(60)).open().await.unwrap();
    for job in ["settled", "extended"] {
        queue.push(job).await.unwrap();
    }
    let jobs = fetch_all(&queue, 2).await;
    let address = relay.address();
    relay.cut().await;
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, address.port())).await.unwrap();
    let taking = async {
        let mut open = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            open.push(stream);
        }
    };
    let began = now();
    let calls = async {
        let never = Stop::never();
        let (pushed, settled, fetched, extended, counted) = tokio::join!(
            queue.push("nobody takes it"),
            queue.settle(&jobs[0].receipt, Settlement::Ack),
            queue.fetch(1, &never),
            queue.extend(std::slice::from_ref(&jobs[1].receipt)),
            queue.counts(),
        );
        let failed =
            [pushed.is_err(), settled.is_err(), fetched.is_err(), extended.is_err(), counted.is_err()];
        assert_eq!(failed, [true; 5]);
    };
    tokio::select! {
        () = calls => {}
        () = taking => {}
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}
