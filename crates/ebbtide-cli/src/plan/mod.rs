//! `ebbtide plan`.

mod run;

pub(crate) use run::{PlanArgs, run};
