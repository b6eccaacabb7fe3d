//! Reports as text and for other programs.

mod excerpt;
mod github;
mod gitlab;
mod json;
mod page;
mod sarif;
mod settings;
mod text;
mod workflow;

pub use github::github;
pub use gitlab::gitlab;
pub use json::json;
pub use page::page;
pub use sarif::sarif;
#[cfg(any(test, fuzzing))]
pub(crate) use sarif::sarif_results;
pub use settings::{Target, settings};
pub use text::{Look, text};
pub use workflow::workflow_command;
