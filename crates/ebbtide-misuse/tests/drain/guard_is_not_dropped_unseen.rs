#![deny(unused_must_use)]

use ebbtide_core::drain::{Gate, Tracker};

fn main() {
    Tracker::new().guard();
    Gate::new().enter().unwrap();
}
