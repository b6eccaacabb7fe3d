#![expect(clippy::unwrap_used, reason = "called by tests only")]

use proptest::test_runner::{Config, TestRunner};

/// Runs a fuzz target on its seeds and on 4000 random inputs, so that it is tested without a nightly compiler as well.
pub(crate) fn on_seeds_and_at_random(name: &str, target: fn(&[u8])) {
    let seeds = format!("{}/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
    let seeds: Vec<_> = std::fs::read_dir(&seeds).unwrap().collect();
    assert!(!seeds.is_empty(), "no seeds");
    for seed in seeds {
        target(&std::fs::read(seed.unwrap().path()).unwrap());
    }
    let inputs = proptest::collection::vec(proptest::num::u8::ANY, 0..300);
    let config = Config { cases: 4000, failure_persistence: None, ..Config::default() };
    let check = |input: Vec<u8>| {
        target(&input);
        Ok(())
    };
    TestRunner::new(config).run(&inputs, check).unwrap();
}
