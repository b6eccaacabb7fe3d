#![deny(unused_must_use)]

use ebbtide::drain::{Gate, Tracker};

fn main() {
    Tracker::new().guard();
    Gate::new().enter().unwrap();
}
