//! The seed of the tests' random numbers.

/// Returns the seed of all random numbers. It is printed when a test fails.
#[expect(clippy::expect_used, clippy::print_stdout, reason = "test helpers may panic and print")]
pub(crate) fn seed() -> u64 {
    const FIXED: u64 = 20_261_128;
    let given = std::env::var("EBBTIDE_TEST_SEED").ok();
    let seed = given.map_or(FIXED, |seed| seed.parse().expect("EBBTIDE_TEST_SEED is a number"));
    println!("EBBTIDE_TEST_SEED={seed}");
    seed
}
