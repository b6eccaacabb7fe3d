use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::low_level::raise;

use super::{SignalPipe, Wake, is_default};

// Each test has signals of its own: they may run in one process.
const LONE: i32 = libc::SIGUSR1;
const SHARED: i32 = libc::SIGUSR2;
const BELOW: i32 = libc::SIGALRM;
const ABOVE: i32 = libc::SIGIO;
const BETWEEN: i32 = libc::SIGVTALRM;

/// Takes a signal.
fn take(number: i32) -> SignalPipe {
    let pipe = SignalPipe::new().expect("a pipe");
    pipe.take(&[number]).expect("taken");
    pipe
}

/// Returns the signals that have come.
fn came(pipe: &SignalPipe) -> Vec<i32> {
    let signals = std::iter::from_fn(|| pipe.read()).map(|wake| match wake {
        Wake::Signal { number, .. } => number,
        other => panic!("{other:?}"),
    });
    signals.collect()
}

/// A handler of somebody else, as `tokio::signal` installs it.
fn foreign(number: i32) -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(number, Arc::clone(&flag)).expect("registered");
    flag
}

fn is_raised(flag: &AtomicBool) -> bool {
    flag.swap(false, Ordering::SeqCst)
}

#[test]
fn s3_the_default_is_restored_with_the_last_listener() {
    assert!(is_default(SHARED));
    let (one, other) = (take(SHARED), take(SHARED));
    raise(SHARED).expect("raised");
    assert_eq!((came(&one), came(&other)), (vec![SHARED], vec![SHARED]));
    one.give_back();
    assert!(!is_default(SHARED));
    raise(SHARED).expect("raised");
    assert_eq!((came(&one), came(&other)), (vec![], vec![SHARED]));
    drop(other);
    assert!(is_default(SHARED));
}

#[test]
fn s2_and_s3_a_handler_that_was_there_before_runs_with_ours_and_after_it() {
    let flag = foreign(BELOW);
    for _ in 0..10 {
        let pipe = take(BELOW);
        raise(BELOW).expect("raised");
        assert_eq!((came(&pipe), is_raised(&flag)), (vec![BELOW], true));
        pipe.give_back();
        raise(BELOW).expect("raised");
        assert_eq!((came(&pipe), is_raised(&flag)), (vec![], true));
    }
}

#[test]
fn s1_and_s3_a_handler_that_came_later_runs_with_ours_and_after_it() {
    let mut first = Some(take(ABOVE));
    let flag = foreign(ABOVE);
    for _ in 0..10 {
        let pipe = first.take().unwrap_or_else(|| take(ABOVE));
        raise(ABOVE).expect("raised");
        assert_eq!((came(&pipe), is_raised(&flag)), (vec![ABOVE], true), "each is told once");
        pipe.give_back();
        raise(ABOVE).expect("raised");
        assert_eq!((came(&pipe), is_raised(&flag)), (vec![], true));
    }
}

/// Several lifecycles, and a handler that comes while the first of them runs and the second does not yet.
#[test]
fn s1_a_handler_between_two_listeners_is_passed() {
    let one = take(BETWEEN);
    let flag = foreign(BETWEEN);
    let other = take(BETWEEN);
    raise(BETWEEN).expect("raised");
    assert_eq!((came(&one), came(&other), is_raised(&flag)), (vec![BETWEEN], vec![BETWEEN], true));
    drop((one, other));
    raise(BETWEEN).expect("raised");
    assert!(is_raised(&flag));
}

#[test]
fn two_signals_lie_as_far_apart_as_their_handlers() {
    let pipe = take(LONE);
    let at = || {
        raise(LONE).expect("raised");
        pipe.read()
    };
    let (Some(Wake::Signal { at: first, .. }), Some(Wake::Signal { at: second, .. })) = (at(), at()) else {
        panic!("two signals");
    };
    assert!(first <= second && second - first < Duration::from_secs(60), "{first:?} {second:?}");
}

#[test]
fn a_pipe_is_closed_with_its_last_clone() {
    let open = || fs::read_dir("/proc/self/fd").expect("read").count();
    // Other tests open and close theirs beside this one: two each.
    let before = open();
    for _ in 0..200 {
        drop(take(libc::SIGPROF));
    }
    assert!(open() < before + 100);
}
