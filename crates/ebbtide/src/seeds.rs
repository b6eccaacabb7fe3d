#![expect(clippy::unwrap_used, reason = "only tests call it")]

use proptest::test_runner::{Config, TestRunner};

/// Runs a target over its seeds and over a few thousand inputs of chance, so that it cannot rot without a nightly compiler.
pub(crate) fn on_seeds_and_at_random(name: &str, target: fn(&[u8])) {
    let seeds = format!("{}/../../fuzz/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
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
