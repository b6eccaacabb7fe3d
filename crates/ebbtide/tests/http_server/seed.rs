//! Where the random numbers of tests come from.

/// Returns the seed of everything that tests draw at random, which is printed where a test fails.
#[expect(clippy::expect_used, clippy::print_stdout, reason = "a test's helper may fail and tell")]
pub(crate) fn seed() -> u64 {
    const FIXED: u64 = 20_261_128;
    let given = std::env::var("EBBTIDE_TEST_SEED").ok();
    let seed = given.map_or(FIXED, |seed| seed.parse().expect("EBBTIDE_TEST_SEED is a number"));
    println!("EBBTIDE_TEST_SEED={seed}");
    seed
}
