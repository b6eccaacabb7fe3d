//! loom models of the primitives: every interleaving of at most three threads.
//!
//! Each claim has a counterexample: the mechanism with one part removed must fail under the same model, or the model proves
//! nothing.

mod poll;
mod registry;
mod stop;
mod tracker;
