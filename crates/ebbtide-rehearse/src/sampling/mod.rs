//! What can be observed of a service from outside, beside its requests: what it prints, uses and leaves. Nothing here fails a check.

mod accept_queues;
mod left_behind;
mod logged_ids;
mod output;
mod resources;
mod sampler;
mod stack_traces;
mod trace_lines;

pub(crate) use left_behind::temporary_folder;
pub(crate) use logged_ids::logged_ids;
pub(crate) use sampler::{Sampled, Sampler};
