#![deny(unused_must_use)]

use ebbtide_core::drain::Gate;

fn main() {
    Gate::new().enter();
}
