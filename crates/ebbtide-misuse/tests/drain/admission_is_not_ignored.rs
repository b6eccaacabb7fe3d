#![deny(unused_must_use)]

use ebbtide::drain::Gate;

fn main() {
    Gate::new().enter();
}
