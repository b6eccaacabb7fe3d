//! The likely cause of a failed check, and the usual remedy, for servers whose way to stop is known.
//!
//! `ebbtide-check` has the stop signals of official images, which is a part of this. It is not shared: neither crate uses the other, and a
//! crate of its own for four signals would be one more to release. A test of the command holds that both name the same signals.

mod advise;
mod ending;
mod knowledge;
mod proxies;
mod runtimes;
mod symptoms;

pub(super) use advise::advise;
#[cfg(any(test, feature = "samples"))]
pub(super) use knowledge::graceful_signals;
pub(crate) use knowledge::usual_stop;
