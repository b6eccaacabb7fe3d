//! The verdict as one HTML page, without any reference to another file: a timeline of each run that can be searched, and the tables.

mod gallery;
mod pack;
mod page;
#[cfg(test)]
mod tests;

pub(crate) use gallery::Gallery;
pub(super) use page::write;
