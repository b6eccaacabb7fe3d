//! Reports as text and for other programs.

mod github;
mod gitlab;
mod json;
mod page;
mod sarif;
mod text;

pub use github::github;
pub use gitlab::gitlab;
pub use json::json;
pub use page::page;
pub use sarif::sarif;
pub use text::{Look, text};
