//! The tests of the core in one program: the drain primitives and the machine.
#![cfg(not(ebbtide_loom))]

mod drain;
mod machine;
