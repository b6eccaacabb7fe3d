//! The stop token: two levels, one cause, one deadline, and no lost wake-up.

use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ebbtide_core::drain::{Cancelled, Stop, StopSource};
use ebbtide_core::model::Cause;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::support::{Woken, now, poll};

#[test]
fn a_new_token_is_not_stopping_and_has_no_cause_or_deadline() {
    let stop = source().token();
    assert!(!stop.is_stopping() && !stop.is_cancelled());
    assert_eq!((stop.cause(), stop.deadline(), stop.time_left()), (None, None, None));
}

#[test]
fn the_first_cause_and_its_deadline_stay() {
    let source = source();
    let deadline = now() + Duration::from_secs(30);
    assert!(source.stop(signal(15), Some(deadline)));
    assert!(!source.stop(signal(2), Some(deadline - Duration::from_secs(10))));
    let stop = source.token();
    assert_eq!((stop.cause(), stop.deadline()), (Some(&signal(15)), Some(deadline)));
}

#[test]
fn the_deadline_is_exact_and_only_moves_earlier() {
    // `StopState` 4, `Deadline` 1.
    let source = source();
    let stop = source.token();
    let deadline = now() + Duration::from_nanos(30_000_000_007);
    source.stop(signal(15), Some(deadline));
    assert_eq!(stop.deadline(), Some(deadline));
    for (tightened, expected) in [(3, 3), (10, 10), (5, 10), (40_000_000_000, 40_000_000_000)] {
        source.tighten(deadline - Duration::from_nanos(tightened));
        assert_eq!(stop.deadline(), Some(deadline - Duration::from_nanos(expected)));
    }
    assert_eq!(stop.time_left(), Some(Duration::ZERO), "the deadline has passed");
}

#[test]
fn a_deadline_tightened_before_the_stop_holds_from_the_stop_on() {
    let source = source();
    let stop = source.token();
    let early = now() + Duration::from_secs(5);
    source.tighten(early);
    assert_eq!(stop.deadline(), None, "there is no stop yet");
    source.stop(signal(15), Some(early + Duration::from_secs(20)));
    assert_eq!(stop.deadline(), Some(early));
}

#[test]
fn tightening_a_stop_without_a_deadline_sets_one() {
    let source = source();
    source.stop(signal(15), None);
    assert_eq!(source.token().time_left(), None);
    let deadline = now() + Duration::from_secs(5);
    source.tighten(deadline);
    assert_eq!(source.token().deadline(), Some(deadline));
}

#[test]
fn a_token_that_is_never_raised_has_no_time_left() {
    let stop = Stop::never();
    assert!(!stop.is_stopping() && !stop.is_cancelled());
    assert_eq!((stop.deadline(), stop.time_left()), (None, None));
    assert!(poll(&mut stop.stopping(), &Woken::new()).is_pending());
}

#[test]
fn the_level_only_rises() {
    // `StopState` 1.
    let source = source();
    source.cancel();
    source.stop(signal(15), None);
    assert!(source.token().is_cancelled());
    assert_eq!(
        source.token().cause(),
        Some(&signal(15)),
        "the first stop sets the cause, also after a cancellation"
    );
}

#[test]
fn a_stop_wakes_its_waiters_once_and_no_others() {
    let source = source();
    let stop = source.token();
    let (stopping, cutting) = (Woken::new(), Woken::new());
    let (mut waits_for_stop, mut waits_for_cancel) = (stop.stopping(), stop.cancelled());
    assert!(poll(&mut waits_for_stop, &stopping).is_pending());
    assert!(poll(&mut waits_for_cancel, &cutting).is_pending());
    source.stop(signal(15), None);
    source.stop(signal(15), None);
    assert_eq!((stopping.times(), cutting.times()), (1, 0));
    assert!(poll(&mut waits_for_stop, &stopping).is_ready());
    assert!(poll(&mut waits_for_cancel, &cutting).is_pending());
    source.cancel();
    assert_eq!((stopping.times(), cutting.times()), (1, 1));
    assert!(poll(&mut waits_for_cancel, &cutting).is_ready());
}

#[test]
fn a_dropped_future_leaves_no_waker_behind() {
    let source = source();
    let stop = source.token();
    let woken = Woken::new();
    for _ in 0..3 {
        let mut waiting = stop.clone().cancelled_owned();
        assert!(poll(&mut waiting, &woken).is_pending());
        assert!(poll(&mut waiting, &woken).is_pending());
        assert_eq!(Arc::strong_count(&woken), 2, "polled twice, parked once");
        drop(waiting);
        assert_eq!(Arc::strong_count(&woken), 1);
    }
    source.cancel();
    assert_eq!(woken.times(), 0);
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let source = source();
    let mut waiting = source.token().stopping_owned();
    let (before, after) = (Woken::new(), Woken::new());
    assert!(poll(&mut waiting, &before).is_pending());
    assert!(poll(&mut waiting, &after).is_pending());
    source.stop(signal(15), None);
    assert_eq!((before.times(), after.times()), (0, 1));
}

#[test]
fn a_waker_may_use_the_list_while_it_is_dropped_or_woken() {
    // `WaitList` 4. The waker owns a future of the same list, as the last waker of a task owns the future of the task.
    struct Owner(Stop, #[expect(dead_code, reason = "only dropped, with the waker")] Cancelled<'static>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {
            let (stop, woken) = (self.0.clone(), Woken::new());
            assert!(poll(&mut stop.stopping(), &woken).is_ready(), "polled during the wake-up");
        }
    }
    let source = source();
    let stop = source.token();
    let owner = || {
        let mut inner = stop.clone().cancelled_owned();
        assert!(poll(&mut inner, &Woken::new()).is_pending());
        Waker::from(Arc::new(Owner(stop.clone(), inner)))
    };

    let mut replaced = stop.clone().stopping_owned();
    assert!(Pin::new(&mut replaced).poll(&mut Context::from_waker(&owner())).is_pending());
    assert!(poll(&mut replaced, &Woken::new()).is_pending(), "the waker it replaces is dropped");

    let mut dropped = stop.clone().stopping_owned();
    assert!(Pin::new(&mut dropped).poll(&mut Context::from_waker(&owner())).is_pending());
    drop(dropped);

    let mut woken = stop.clone().stopping_owned();
    assert!(Pin::new(&mut woken).poll(&mut Context::from_waker(&owner())).is_pending());
    source.stop(signal(15), None);
}

#[test]
fn a_panicking_waker_does_not_prevent_the_other_wake_ups() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("as if by panic"));
        }
    }
    let source = source();
    let others: Vec<_> = (0..8).map(|_| (Woken::new(), source.token().stopping_owned())).collect();
    let mut waiting = Vec::new();
    for (number, (woken, mut future)) in others.into_iter().enumerate() {
        assert!(poll(&mut future, &woken).is_pending());
        waiting.push((woken, future));
        if number == 3 {
            let mut panicking = source.token().stopping_owned();
            assert!(
                Pin::new(&mut panicking)
                    .poll(&mut Context::from_waker(&Waker::from(Arc::new(Panics))))
                    .is_pending()
            );
            std::mem::forget(panicking);
        }
    }
    let raised = std::panic::catch_unwind(|| source.stop(signal(15), None));
    assert!(raised.is_err());
    assert!(waiting.iter().all(|(woken, _)| woken.times() == 1));
}

#[tokio::test]
async fn a_future_of_a_raised_token_is_ready_at_once() {
    let source = source();
    source.cancel();
    let stop = source.token();
    stop.stopping().await;
    stop.cancelled().await;
    stop.clone().stopping_owned().await;
    stop.cancelled_owned().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_waiter_is_woken_while_others_park_and_leave() {
    let source = Arc::new(source());
    let mut waiting = JoinSet::new();
    for number in 0..20_000 {
        let stop = source.token();
        waiting.spawn(async move {
            if number % 3 == 0 {
                // Parks and leaves repeatedly while other tasks stay parked.
                while !stop.is_stopping() {
                    tokio::select! {
                        () = stop.stopping() => {}
                        () = tokio::task::yield_now() => {}
                    }
                }
            }
            stop.stopping().await;
            stop.cancelled().await;
        });
        if number == 10_000 {
            let source = Arc::clone(&source);
            waiting.spawn(async move {
                source.stop(signal(15), None);
                source.cancel();
            });
        }
    }
    assert_eq!(waiting.join_all().await.len(), 20_001);
}

#[tokio::test]
async fn unless_stopping_does_not_begin_on_a_token_that_is_stopping() {
    let source = source();
    source.stop(signal(15), None);
    let stop = source.token();
    let polled = AtomicUsize::new(0);
    let future = poll_fn(|_| {
        polled.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(())
    });
    assert_eq!(stop.unless_stopping(future).await, None);
    assert_eq!(polled.into_inner(), 0);
    assert_eq!(stop.unless_cancelled(ready(7)).await, Some(7), "it is not cancelled");
}

#[tokio::test]
async fn a_loop_over_a_queue_that_is_never_empty_ends() {
    let source = source();
    let stop = source.token();
    let mut rounds = 0;
    while stop.unless_stopping(ready(())).await.is_some() {
        rounds += 1;
        if rounds == 5 {
            source.stop(signal(15), None);
        }
    }
    assert_eq!(rounds, 5);
}

#[test]
fn a_result_that_is_ready_at_the_stop_is_not_dropped() {
    let source = source();
    let stop = source.token();
    let (jobs, mut queue) = mpsc::channel(1);
    let mut taking = pin!(stop.unless_stopping(queue.recv()));
    let woken = Woken::new();
    assert!(poll(&mut taking, &woken).is_pending());
    jobs.try_send("job").unwrap();
    source.stop(signal(15), None);
    assert_eq!(poll(&mut taking, &woken), Poll::Ready(Some(Some("job"))));
}

#[test]
fn unless_cancelled_ends_a_future_that_is_never_ready() {
    let source = source();
    let stop = source.token();
    let mut endless = pin!(stop.unless_cancelled(pending::<()>()));
    let woken = Woken::new();
    assert!(poll(&mut endless, &woken).is_pending());
    source.stop(signal(15), None);
    assert!(poll(&mut endless, &woken).is_pending());
    source.cancel();
    assert_eq!(woken.times(), 1);
    assert_eq!(poll(&mut endless, &woken), Poll::Ready(None));
}

fn source() -> StopSource {
    StopSource::with_clock(now)
}

fn signal(number: i32) -> Cause {
    Cause::Signal { number }
}
