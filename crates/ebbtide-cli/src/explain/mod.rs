//! `ebbtide explain`: what a check or a rule means, what causes it, and the usual remedy. The pages of the book are the same texts.

mod run;
mod texts;

pub(crate) use run::{ExplainArgs, run};
