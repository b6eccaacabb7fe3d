#![no_main]

// The command is a program, not a library: its reader is compiled here once more.
#[path = "../../crates/ebbtide-rehearse/src/wire/response.rs"]
mod response;

libfuzzer_sys::fuzz_target!(|data: &[u8]| response::check(data));
