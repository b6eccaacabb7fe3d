use crate::drain::{Arrivals, Stop};

/// What a server gets from the lifecycle that runs it.
#[derive(Clone, Debug)]
pub struct Context {
    /// Raised when the stop begins: announce it, and go on serving.
    pub announced: Stop,
    /// Raised when this component is to stop: take nothing new, finish what is held, and cut it when told.
    pub stop: Stop,
    /// Where new requests are noted from the announcement on, so that the lame duck can end when none comes.
    pub arrivals: Arrivals,
}
