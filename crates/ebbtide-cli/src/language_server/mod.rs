//! `ebbtide language-server`: the findings of `check` in an editor, over the language server protocol on standard input and output.

mod answers;
mod protocol;
mod run;
mod wire;
mod workspace;

pub(crate) use run::{LanguageServerArgs, run};
