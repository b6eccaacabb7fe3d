use std::sync::Arc;

use loom::future::block_on;
use loom::model;
use loom::thread;

use super::poll::{Woken, poll_with};
use crate::drain::Gate;
use crate::drain::tracker::TrackerState;

#[test]
fn what_is_admitted_is_counted_by_every_look_after_the_close() {
    enters_while_one_closes(TrackerState::enter);
}

#[test]
#[should_panic(expected = "admitted unseen")]
fn without_a_second_look_at_the_door_work_is_admitted_unseen() {
    enters_while_one_closes(TrackerState::enter_without_a_second_look);
}

/// `TrackerState` 3: when the closer finds nothing in flight, nobody is let in any more.
fn enters_while_one_closes(enter: fn(&TrackerState) -> bool) {
    model(move || {
        let state = Arc::new(TrackerState::new());
        let entering = {
            let state = Arc::clone(&state);
            thread::spawn(move || enter(&state))
        };
        state.close();
        let was_idle = state.is_idle();
        let admitted = entering.join().unwrap();
        assert!(!(was_idle && admitted), "admitted unseen");
    });
}

#[test]
fn who_is_told_drained_leaves_nobody_behind_that_was_admitted() {
    // The look is a third thread's: it happens after the close only because it found the gate closed.
    model(|| {
        let gate = Gate::new();
        let entering = {
            let gate = gate.clone();
            thread::spawn(move || gate.enter())
        };
        let closing = {
            let gate = gate.clone();
            thread::spawn(move || gate.close())
        };
        let told = poll_with(&mut gate.drained(), &Woken::new()).is_ready();
        let admitted = entering.join().unwrap();
        closing.join().unwrap();
        assert!(!(told && admitted.is_ok()), "admitted unseen");
    });
}

#[test]
fn drained_comes_after_the_close_and_the_last_end() {
    // `TrackerState` 5: the last event is an end, a close, or someone who was turned away.
    model(|| {
        let gate = Gate::new();
        let entering = {
            let gate = gate.clone();
            thread::spawn(move || gate.enter().is_ok())
        };
        let closing = {
            let gate = gate.clone();
            thread::spawn(move || gate.close())
        };
        block_on(gate.drained());
        assert!(gate.is_closed());
        let admitted = entering.join().unwrap();
        closing.join().unwrap();
        assert_eq!(gate.tracker().finished(), u64::from(admitted), "who was turned away is not counted");
        assert_eq!(gate.tracker().begun(), u64::from(admitted));
    });
}

#[test]
fn a_close_wakes_who_waits_for_it() {
    model(|| {
        let gate = Gate::new();
        let woken = Woken::new();
        let mut drained = gate.drained();
        let closing = {
            let gate = gate.clone();
            thread::spawn(move || gate.close())
        };
        let polled = poll_with(&mut drained, &woken);
        closing.join().unwrap();
        assert!(polled.is_ready() || woken.times() == 1);
    });
}
