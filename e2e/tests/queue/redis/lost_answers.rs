//! What Redis has given out, and its answer is lost, or late.

use std::time::Duration;

use ebbtide::drain::Stop;
use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
use ebbtide_redis::{RedisQueue, RedisReceipt};

use super::place::{Place, Wire};
use crate::server::{Server, until_it_works};
use crate::support::{fetch_all, next, source, stop};

/// Longer than it takes to give up an answer, and much shorter than to wait for it in a test.
const LEASE: Duration = Duration::from_secs(20);

struct Scene {
    place: Place,
    wire: Wire,
    queue: RedisQueue,
}

impl Scene {
    async fn new() -> Self {
        let place = Place::new();
        let wire = Wire::to(&place.url).await;
        let queue = place.builder().url(wire.url()).lease(LEASE).open().await.unwrap();
        Self { place, wire, queue }
    }

    /// Pushes two jobs and takes the first: its acknowledgement will read the second ahead.
    async fn with_one_of_two(&self) -> Delivery<RedisReceipt> {
        for payload in ["first", "second"] {
            self.queue.push(payload).await.unwrap();
        }
        let first = next(&self.queue).await;
        assert!(self.queue.prefetch(true));
        first
    }

    async fn hand_back(&self, job: &Delivery<RedisReceipt>) {
        let back = Settlement::HandBack;
        assert_eq!(
            until_it_works(async || self.queue.settle(&job.receipt, back.clone()).await).await,
            Settled::Done
        );
    }

    /// Withdraws until that works, and hands back what comes.
    async fn withdraw(&self) -> Vec<Delivery<RedisReceipt>> {
        let withdrawn = until_it_works(async || self.queue.withdraw().await).await;
        for job in &withdrawn {
            self.hand_back(job).await;
        }
        withdrawn
    }

    /// Sees that nothing is left with a consumer that has handed back all it knew of, and that all of it comes.
    async fn ends_with(self, jobs: usize) {
        self.queue.close().await.unwrap();
        assert_eq!((self.place.pending().await, self.place.consumers().await.len()), (0, 0));
        let other = self.place.open().await;
        let came = fetch_all(&other, jobs).await;
        assert!(came.iter().all(|job| job.attempt == 1), "{came:?}");
        assert_eq!(self.place.pending().await, jobs as u64);
    }
}

/// The server answers when nobody listens any more.
#[tokio::test]
async fn a_withdrawal_whose_answer_is_lost_returns_all_of_it_when_it_is_called_again() {
    let scene = Scene::new().await;
    let Scene { wire, queue, .. } = &scene;
    let first = scene.with_one_of_two().await;
    assert_eq!(queue.settle(&first.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    for _ in 0..2 {
        until_it_works(async || queue.counts().await).await;
        wire.hold_answers();
        let (withdrawn, ()) = tokio::join!(queue.withdraw(), async {
            wire.holds_something().await;
            wire.cut();
        });
        assert!(withdrawn.is_err());
    }
    let withdrawn = scene.withdraw().await;
    assert!(withdrawn.len() <= 1, "each once: {withdrawn:?}");
    assert!(queue.withdraw().await.unwrap().is_empty());
    scene.ends_with(1).await;
}

/// With the server, or the way to it, stalled for longer than we wait: it comes to what it was asked when the consumer has
/// left.
#[tokio::test]
async fn what_is_asked_on_a_connection_that_was_given_up_is_not_done_later() {
    let scene = Scene::new().await;
    let Scene { wire, queue, place } = &scene;
    let first = scene.with_one_of_two().await;
    wire.hold_questions();
    assert!(queue.settle(&first.receipt, Settlement::Ack).await.is_err());
    assert!(scene.withdraw().await.is_empty());
    scene.hand_back(&first).await;
    queue.close().await.unwrap();
    wire.release();
    wire.has_open(0).await;
    assert_eq!(place.pending().await, 0);
    scene.ends_with(2).await;
}

/// The same for a read, whose answer the stop doesn't wait for.
#[tokio::test]
async fn what_a_read_asked_that_was_given_up_is_not_read_later() {
    let scene = Scene::new().await;
    let Scene { wire, queue, place } = &scene;
    // So that both connections are there.
    queue.push("before").await.unwrap();
    let before = next(queue).await;
    assert_eq!(queue.settle(&before.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    wire.hold_questions();
    let source = source();
    let token = source.token();
    let (ended, ()) = tokio::join!(queue.fetch(9, &token), async {
        wire.holds_something().await;
        stop(&source);
    });
    assert!(ended.is_err());
    assert!(scene.withdraw().await.is_empty());
    queue.close().await.unwrap();
    let producer = place.open().await;
    for payload in ["first", "second"] {
        producer.push(payload).await.unwrap();
    }
    producer.close().await.unwrap();
    wire.release();
    wire.has_open(0).await;
    assert_eq!(place.pending().await, 0);
    scene.ends_with(2).await;
}

#[tokio::test]
async fn a_server_that_hangs_over_an_acknowledgement_and_the_withdrawal_keeps_nothing_for_us() {
    let server = Server::redis(&["--save", ""]).await;
    let mut scene = Scene::new().await;
    scene.place = Place::at(server.url("redis"));
    scene.wire = Wire::to(&scene.place.url).await;
    scene.queue = scene.place.builder().url(scene.wire.url()).lease(LEASE).open().await.unwrap();
    let first = scene.with_one_of_two().await;
    server.freeze();
    assert!(scene.queue.settle(&first.receipt, Settlement::Ack).await.is_err());
    assert!(scene.queue.withdraw().await.is_err());
    let (_withdrawn, ()) = tokio::join!(scene.withdraw(), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.thaw();
    });
    // Whether the server came to the acknowledgement it says now.
    let back = Settlement::HandBack;
    let said = until_it_works(async || scene.queue.settle(&first.receipt, back.clone()).await).await;
    scene.ends_with(if said == Settled::Done { 2 } else { 1 }).await;
}

/// In place of the lease's end, and an attempt less.
#[tokio::test]
async fn what_an_acknowledgement_read_whose_answer_is_lost_comes_with_the_next_fetch() {
    let scene = Scene::new().await;
    let Scene { wire, queue, place } = &scene;
    let first = scene.with_one_of_two().await;
    wire.hold_answers();
    let (settled, ()) = tokio::join!(queue.settle(&first.receipt, Settlement::Ack), async {
        wire.holds_something().await;
        wire.cut();
    });
    assert!(settled.is_err());
    assert_eq!(queue.settle(&first.receipt, Settlement::Ack).await.unwrap(), Settled::Lost, "it was done");
    let second = until_it_works(async || queue.fetch(1, &Stop::never()).await).await.remove(0);
    assert_eq!((&*second.payload, second.attempt), (b"second".as_slice(), 1));
    assert_eq!(place.pending().await, 1);
    scene.hand_back(&second).await;
    scene.ends_with(1).await;
}

#[tokio::test]
async fn what_was_read_in_an_answer_that_is_lost_comes_with_the_next_fetch() {
    let scene = Scene::new().await;
    let Scene { wire, queue, .. } = &scene;
    for payload in ["first", "second", "third"] {
        queue.push(payload).await.unwrap();
    }
    let first = next(queue).await;
    wire.hold_answers();
    let never = Stop::never();
    let (fetched, ()) = tokio::join!(queue.fetch(2, &never), async {
        wire.holds_something().await;
        wire.cut();
    });
    assert!(fetched.is_err());
    let mut seconds = Vec::new();
    // One at a time: the other one waits here.
    for payload in ["second", "third"] {
        let job = until_it_works(async || queue.fetch(1, &never).await).await.remove(0);
        assert_eq!((&*job.payload, job.attempt), (payload.as_bytes(), 1));
        seconds.push(job);
    }
    for job in seconds.iter().chain([&first]) {
        scene.hand_back(job).await;
    }
    scene.ends_with(3).await;
}
