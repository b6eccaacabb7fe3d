//! Rust source as tokens: comments are gone, strings are one token each, nothing else is decided.

use std::path::Path;
use std::str::FromStr;

use proc_macro2::TokenStream;

use crate::failure::Failure;

/// Reads a Rust file.
///
/// # Errors
///
/// When it is not Rust.
pub(crate) fn tokens(path: &Path, text: &str) -> Result<TokenStream, Failure> {
    TokenStream::from_str(text).map_err(|error| {
        let line = error.span().start().line;
        Failure::Unreadable { what: format!("{}:{line}", path.display()), why: error.to_string() }
    })
}
