//! A PostgreSQL for the tests: the one that is named, the local one, or one of our own.

mod answers;
mod own;
mod provide;

pub(super) use provide::Postgres;
