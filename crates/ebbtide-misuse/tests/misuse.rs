//! Misuse of the drain primitives does not compile.
//!
//! A separate package: trybuild compiles with all dependencies of its package, and here those are few.
#![cfg(not(ebbtide_loom))]

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/drain/*.rs");
}
