#![no_main]

use std::env;
use std::sync::LazyLock;

/// The format whose name a text has, such as `compose`. `cargo xtask fuzz` runs each of them.
static FORMAT: LazyLock<String> =
    LazyLock::new(|| env::var("EBBTIDE_FUZZ_FORMAT").expect("EBBTIDE_FUZZ_FORMAT is not set"));

libfuzzer_sys::fuzz_target!(|data: &[u8]| ebbtide_check::fuzzing::check(&FORMAT, data));
