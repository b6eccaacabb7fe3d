//! `ebbtide check` and `ebbtide timeline`.

mod args;
mod config;
mod fixes;
mod format;
mod input;
mod junit;
mod render;
mod replace;
mod run;
mod timeline;

pub(crate) use args::CheckArgs;
pub(crate) use run::{project_options, run};
pub(crate) use timeline::{TimelineArgs, remark, run as run_timeline, show};
