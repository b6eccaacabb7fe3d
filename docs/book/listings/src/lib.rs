//! The Rust listings of the book.

#[cfg(doctest)]
mod chapters;
