//! What runs a lifecycle: clock, operating system, and the loop over the machine.

pub(crate) mod clock;
