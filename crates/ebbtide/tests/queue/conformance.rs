//! The conformance suite passes a correct queue, and names the broken promise of a faulty one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ebbtide::testing::queue::{
    DeadLettered, MemoryQueue, NotConforming, Promise, Relay, Subject, SubjectCounts, Verdict, Why, conforms,
    promises,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::faulty_queue::Faulty;

const LEASE: Duration = Duration::from_secs(1);

async fn tried(
    fault: Option<Fault>,
    ahead: usize,
    telling: Telling,
) -> Result<Vec<(Promise, Verdict)>, NotConforming> {
    conforms(async || Ok(Faulty::new(MemoryQueue::new(LEASE), fault, ahead, telling))).await
}

fn not_applicable(kept: &[(Promise, Verdict)]) -> Vec<Promise> {
    kept.iter()
        .filter(|(_, verdict)| *verdict == Verdict::DoesNotApply)
        .map(|(promise, _)| *promise)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_queue_in_memory_keeps_every_promise() {
    let kept = conforms(async || Ok(MemoryQueue::new(LEASE))).await.unwrap();
    let without = [Promise::PrefetchKeepsNothing, Promise::OutageIsAnError];
    assert_eq!(not_applicable(&kept), without, "in-memory: there is no connection to cut");
}

#[tokio::test(start_paused = true)]
async fn networked_and_prefetching_queues_fulfil_the_conformance_suite() {
    for telling in Telling::ALL {
        for ahead in [0, 1, 7] {
            let kept = tried(None, ahead, telling).await.unwrap();
            let without: &[_] = if ahead > 0 { &[Promise::PrefetchKeepsNothing] } else { &[] };
            assert_eq!(not_applicable(&kept), without);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_fault_breaks_its_own_promise_and_no_other_for_every_broker_visibility() {
    let mut wrong = Vec::new();
    for (telling, (fault, promise)) in Telling::ALL.into_iter().flat_map(|one| FAULTS.map(|all| (one, all))) {
        if fault == Fault::CountsRequeue && !telling.requeues {
            // If the broker counts it, the fault does not break the promise.
            continue;
        }
        let ahead = if fault == Fault::ForgetsWhatWasSentAhead { 5 } else { 0 };
        match tried(Some(fault), ahead, telling).await {
            Ok(_) => wrong.push(format!("{fault:?} was not found with {telling:?}")),
            Err(error) => {
                let broken: Vec<_> = error.broken.iter().map(|broken| broken.promise).collect();
                if broken != [promise] || !error.to_string().contains(&format!("{promise:?}")) {
                    wrong.push(format!("{fault:?}, which breaks {promise:?}, with {telling:?}: {error}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The lease has expired by then, and another consumer has the job. With a longer lease it has not.
#[tokio::test(start_paused = true)]
async fn a_suspended_machine_breaks_no_promise() {
    let kept = tried(Some(Fault::ExtendsLate), 0, Telling::EVERYTHING).await.unwrap();
    assert!(kept.contains(&(Promise::ExtendKeeps, Verdict::Kept)), "{kept:?}");
    let once = Faulty::new(MemoryQueue::new(LEASE), Some(Fault::ExtendsLate), 0, Telling::EVERYTHING);
    let error = promises::extend_keeps(&once).await.unwrap_err();
    assert!(matches!(error.why, Why::Inconclusive { .. }), "{error:?}");
}

/// A subject that ignores the requested lease would pass, because nothing waits for a lease that long.
#[tokio::test(start_paused = true)]
async fn a_lease_shorter_than_requested_is_reported() {
    struct Hasty(MemoryQueue);
    impl Subject for Hasty {
        type Queue = MemoryQueue;
        async fn open(&self, _lease: Duration) -> Result<MemoryQueue, ebbtide::BoxError> {
            Ok(self.0.clone())
        }
        async fn push(&self, payload: &[u8]) -> Result<(), ebbtide::BoxError> {
            self.0.push(payload);
            Ok(())
        }
        async fn job_counts(&self) -> Result<SubjectCounts, ebbtide::BoxError> {
            Ok(self.0.counts())
        }
        async fn dead_lettered(&self) -> Result<Vec<DeadLettered>, ebbtide::BoxError> {
            Ok(self.0.dead_letters())
        }
    }
    let error = conforms(async || Ok(Hasty(MemoryQueue::new(LEASE)))).await.unwrap_err();
    assert!(error.to_string().contains("got 1s"), "{error}");
}

#[test]
fn there_is_a_fault_for_each_promise() {
    let kept =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let kept = kept.block_on(tried(None, 0, Telling::EVERYTHING)).unwrap();
    for (promise, _) in kept {
        assert!(FAULTS.iter().any(|(_, broken)| *broken == promise), "{promise:?} has no fault");
    }
}

#[tokio::test(start_paused = true)]
async fn a_subject_that_cannot_be_created_or_counted_is_an_error_not_a_panic() {
    struct Uncountable(MemoryQueue);
    impl Subject for Uncountable {
        type Queue = Arc<MemoryQueue>;
        async fn open(&self, lease: Duration) -> Result<Arc<MemoryQueue>, ebbtide::BoxError> {
            Ok(Arc::new(self.0.open(lease).await?))
        }
        async fn push(&self, payload: &[u8]) -> Result<(), ebbtide::BoxError> {
            self.0.push(payload);
            Ok(())
        }
        async fn job_counts(&self) -> Result<SubjectCounts, ebbtide::BoxError> {
            Err("lost count".into())
        }
        async fn dead_lettered(&self) -> Result<Vec<DeadLettered>, ebbtide::BoxError> {
            Ok(self.0.dead_letters())
        }
    }
    let error = conforms(async || Ok(Uncountable(MemoryQueue::new(LEASE)))).await.unwrap_err();
    assert!(error.to_string().contains("failed to count the jobs: lost count"), "{error}");
    let error = conforms(async || Err::<MemoryQueue, _>("no broker".into())).await.unwrap_err();
    assert!(error.broken.len() > 10 && error.to_string().contains("no broker"), "{error}");
}

async fn echo(stream: &mut TcpStream) -> io::Result<Option<u8>> {
    stream.write_all(b"a").await?;
    let mut answer = [0];
    let read = stream.read(&mut answer).await?;
    Ok(answer[..read].first().copied())
}

#[tokio::test]
async fn a_relay_forwards_bytes_until_it_is_disconnected_and_after_it_is_restored() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut clients = JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            clients.spawn(async move {
                let (mut from, mut to) = client.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    let relay = Relay::open(&broker.to_string()).await.unwrap();
    for _ in 0..3 {
        relay.reconnect().await.unwrap();
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        assert_eq!(echo(&mut stream).await.unwrap(), Some(b'a'));
        relay.disconnect().await;
        assert_ne!(echo(&mut stream).await.unwrap_or_default(), Some(b'a'), "the relay still forwards");
        let refused = TcpStream::connect(relay.address()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}

/// A fault that breaks one promise, and keeps the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    TakesPayloadsForText,
    TruncatesPayloads,
    NamesTheDeliveryNotTheJob,
    NamesAllJobsAlike,
    ReturnsNothingInsteadOfWaiting,
    SeesAJobOnlyWhenAskedAgain,
    WaitsOnThroughTheStop,
    TakesMoreThoughStopping,
    ThrowsAwayWhatItTookAtTheStop,
    TakesMoreThanAsked,
    DeliversOneTwice,
    ForgetsAcksThatWereNotSent,
    CountsRequeue,
    RequeuesLate,
    RequeuesNothing,
    RetriesAtOnce,
    CountsNoRetry,
    DeadLettersForEver,
    DeadLettersLive,
    LosesTheReason,
    FailsOnOddWords,
    CrashLosesItsJobs,
    CountsNoCrash,
    TrustsLapsedReceipts,
    LeasesFromThePush,
    /// Later than the suite's short leases, as on a suspended machine. It breaks no promise.
    ExtendsLate,
    ForgetsToExtend,
    FailsToExtendWhatIsSettled,
    FailsTheSecondTime,
    LetsTheSecondCount,
    ForgetsWhatWasSentAhead,
    ForgetsWhatWasPrefetched,
    PrefetchesTooMuch,
    PrefetchesThoughForbidden,
    DeliversInReverse,
    HangsWhenAway,
    SucceedsDuringOutage,
    StaysAway,
}

pub(crate) const FAULTS: [(Fault, Promise); 37] = [
    (Fault::TakesPayloadsForText, Promise::PayloadsArriveExactly),
    (Fault::TruncatesPayloads, Promise::PayloadsArriveExactly),
    (Fault::NamesTheDeliveryNotTheJob, Promise::IdStays),
    (Fault::NamesAllJobsAlike, Promise::IdStays),
    (Fault::ReturnsNothingInsteadOfWaiting, Promise::FetchWaits),
    (Fault::SeesAJobOnlyWhenAskedAgain, Promise::FetchWaits),
    (Fault::WaitsOnThroughTheStop, Promise::FetchEndsWithStop),
    (Fault::TakesMoreThoughStopping, Promise::FetchEndsWithStop),
    (Fault::ThrowsAwayWhatItTookAtTheStop, Promise::StoppedFetchKeepsNothing),
    (Fault::TakesMoreThanAsked, Promise::FetchTakesAtMostMax),
    (Fault::DeliversOneTwice, Promise::DeliveriesAreExclusive),
    (Fault::ForgetsAcksThatWereNotSent, Promise::AckIsFinal),
    (Fault::CountsRequeue, Promise::RequeueIsImmediate),
    (Fault::RequeuesLate, Promise::RequeueIsImmediate),
    (Fault::RequeuesNothing, Promise::RequeueIsImmediate),
    (Fault::RetriesAtOnce, Promise::RetryWaits),
    (Fault::CountsNoRetry, Promise::RetryWaits),
    (Fault::DeadLettersForEver, Promise::DeadLetterIsKept),
    (Fault::DeadLettersLive, Promise::DeadLetterIsKept),
    (Fault::LosesTheReason, Promise::DeadLetterIsKept),
    (Fault::FailsOnOddWords, Promise::DeadLetterIsKept),
    (Fault::CrashLosesItsJobs, Promise::CrashLosesNothing),
    (Fault::CountsNoCrash, Promise::CrashLosesNothing),
    (Fault::TrustsLapsedReceipts, Promise::LapsedLeaseIsLost),
    (Fault::LeasesFromThePush, Promise::LeaseBeginsAtDelivery),
    (Fault::ForgetsToExtend, Promise::ExtendKeeps),
    (Fault::FailsToExtendWhatIsSettled, Promise::ExtendKeeps),
    (Fault::FailsTheSecondTime, Promise::FirstSettlementCounts),
    (Fault::LetsTheSecondCount, Promise::FirstSettlementCounts),
    (Fault::ForgetsWhatWasSentAhead, Promise::StopLeavesNothing),
    (Fault::ForgetsWhatWasPrefetched, Promise::PrefetchKeepsNothing),
    (Fault::PrefetchesTooMuch, Promise::PrefetchKeepsNothing),
    (Fault::PrefetchesThoughForbidden, Promise::PrefetchKeepsNothing),
    (Fault::DeliversInReverse, Promise::OrderIsKept),
    (Fault::HangsWhenAway, Promise::OutageIsAnError),
    (Fault::SucceedsDuringOutage, Promise::OutageIsAnError),
    (Fault::StaysAway, Promise::OutageIsAnError),
];

/// What the suite can observe through a queue's broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Telling {
    /// Whether leased jobs are counted separately from waiting ones.
    pub(crate) leases: bool,
    /// Whether a requeued delivery can be told from a failed attempt.
    pub(crate) requeues: bool,
}

impl Telling {
    pub(crate) const EVERYTHING: Self = Self { leases: true, requeues: true };

    /// From the most observable to the least.
    pub(crate) const ALL: [Self; 3] =
        [Self::EVERYTHING, Self { leases: false, requeues: true }, Self { leases: false, requeues: false }];
}
