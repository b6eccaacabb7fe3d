#![deny(unused_must_use)]

use ebbtide_core::drain::{Stop, Tracker};

fn main() {
    let (stop, tracker) = (Stop::never(), Tracker::new());
    stop.stopping();
    stop.cancelled();
    stop.unless_cancelled(async {});
    tracker.idle();
}
