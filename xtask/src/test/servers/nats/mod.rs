mod answers;
mod kind;
mod launch;

pub(super) use kind::KIND;
