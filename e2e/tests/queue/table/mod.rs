//! What holds for every adapter whose jobs are rows of a table. Each runs all of it.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod all;
mod competing;
mod rows;
mod settling;
mod storing;
mod waiting;

pub(crate) use all::{all_tests, tests};
pub(crate) use competing::*;
pub(crate) use rows::{Place, Rows, rows};
pub(crate) use settling::*;
pub(crate) use storing::*;
pub(crate) use waiting::*;
