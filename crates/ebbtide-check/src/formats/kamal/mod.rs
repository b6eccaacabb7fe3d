//! The deployment file of Kamal, with the files of its destinations.

mod accessory;
mod erb;
mod fields;
mod file;
mod role;

pub(crate) use erb::masked;
pub(crate) use file::{KamalFile, is_kamal, join, note_unreadable};
