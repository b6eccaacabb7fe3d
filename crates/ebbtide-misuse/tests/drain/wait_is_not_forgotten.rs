#![deny(unused_must_use)]

use ebbtide_core::drain::{Gate, Stop, Tracker};

fn main() {
    let (stop, tracker, gate) = (Stop::never(), Tracker::new(), Gate::new());
    stop.stopping();
    stop.cancelled();
    stop.unless_cancelled(async {});
    tracker.idle();
    gate.drained();
}
