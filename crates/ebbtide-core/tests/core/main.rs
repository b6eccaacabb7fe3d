//! The tests of the core in one program: the drain primitives and the machine.
#![cfg(not(ebbtide_loom))]

mod drain {
    //! The drain primitives.

    mod properties;
    mod registry;
    mod stop;
    mod support;
    mod tracker;
}
mod machine {
    //! The machine keeps the invariants of `docs/spec.md`, whatever its components do.
    #![expect(clippy::expect_used, reason = "a simulation that breaks fails its test")]

    mod components;
    mod invariants;
    mod simulation;
}
