//! `ebbtide timeline`: the shutdown of each workload on one time axis.

mod axis;
mod format;
mod page;
mod picture;
mod run;
mod text;

pub(crate) use run::{TimelineArgs, run};
