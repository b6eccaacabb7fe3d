//! The tests of the core in one binary: the drain primitives and the machine.
#![cfg(not(ebbtide_loom))]

mod drain {
    //! Tests of the drain primitives.

    mod properties;
    mod registry;
    mod stop;
    mod support;
    mod tracker;
}
mod machine {
    //! The machine keeps the invariants of `docs/spec.md`, whatever its components do.
    #![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

    mod components;
    mod invariants;
    mod simulation;
}
