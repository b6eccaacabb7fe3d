//! Every interleaving of the primitives, in models of at most three threads.
//!
//! Each claim has its opposite: the mechanism with one part taken out must fail under the same model, or the model
//! proves nothing.

mod poll;
mod registry;
mod stop;
mod tracker;
