//! `ebbtide timeline`: the shutdown of each workload on one time axis.

mod axis;
mod format;
mod page;
mod picture;
mod run;
mod text;

pub(crate) use axis::show;
pub(crate) use run::{TimelineArgs, run};
pub(crate) use text::remark;
