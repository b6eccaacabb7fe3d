//! What `deny.toml` allows of what we use. `cargo deny` checks it where it is installed; the same three rules are always
//! checked by ourselves, so that nothing is skipped where it is not.

mod check;
mod policy;
mod verdict;

pub(super) use check::check;
