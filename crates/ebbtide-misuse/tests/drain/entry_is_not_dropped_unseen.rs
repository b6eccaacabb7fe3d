#![deny(unused_must_use)]

use ebbtide_core::drain::Registry;

fn main() {
    Registry::new().register("job 7");
}
