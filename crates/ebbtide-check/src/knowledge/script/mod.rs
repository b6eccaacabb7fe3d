//! Shell scripts, read as far as the rules need: nothing is expanded.

mod choice;
mod ends;
mod lexer;
mod parser;
mod tree;

pub(crate) use ends::{ScriptEnd, ends, replacements};
pub(crate) use tree::{Script, Separator, Simple};
