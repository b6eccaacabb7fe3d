//! How a listener is closed without losing what the kernel has accepted for it.

mod all;
mod tcp;
mod unix;

pub(super) use all::close_all;
