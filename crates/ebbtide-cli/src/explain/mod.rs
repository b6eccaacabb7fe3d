//! `ebbtide explain`: what a check means, what causes its failure, and the usual remedy. The pages of the book are the same texts.

mod run;
mod texts;

pub(crate) use run::{ExplainArgs, run};
