//! `cargo xtask generate`: pages that are written from what they describe, and the check that they still are.

mod command_line;
mod pages;

pub(crate) use pages::{check, write};
