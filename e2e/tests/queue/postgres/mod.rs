//! PostgreSQL: a database of the test's own, on the server that `EBBTIDE_TEST_POSTGRES` names.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod common;
mod conforming;
mod listening;
mod place;
mod renewing;
mod sessions;
mod storing;
mod times;
