mod answers;
mod kind;
mod launch;

pub(super) use kind::KIND;
pub(in crate::test) use launch::find_or_install;
