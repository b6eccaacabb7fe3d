mod answers;
mod environment;
mod kind;
mod launch;

pub(super) use kind::KIND;
