/// The gate was closed.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// assert_eq!(ebbtide::drain::Closed.to_string(), "nothing new is admitted: the gate is closed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing new is admitted: the gate is closed")]
pub struct Closed;
