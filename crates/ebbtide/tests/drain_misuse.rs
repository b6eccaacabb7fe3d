//! What is wrong to do with the primitives does not compile.
#![cfg(not(ebbtide_loom))]

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/drain_misuse/*.rs");
}
