#![deny(unused_must_use)]

use ebbtide_core::drain::Tracker;

fn main() {
    Tracker::new().guard();
}
