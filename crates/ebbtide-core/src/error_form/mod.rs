//! The form of error texts, for the unit tests of every crate: the others have `form.rs` as `error_form.rs`, through a
//! symbolic link. Cargo packages the linked file, so the tests also run from the archive of a crate.

mod form;
mod rules;

pub(crate) use form::{check, walk};
