#![deny(unused_must_use)]

use ebbtide_core::drain::Registry;

fn main() {
    Registry::new(std::time::Instant::now).register("job 7");
}
