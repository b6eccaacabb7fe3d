//! What is wrong to do with the primitives does not compile.
//!
//! In a package of its own: the compiler is asked with whatever the package depends on, and here that is little.
#![cfg(not(ebbtide_loom))]

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/drain/*.rs");
}
