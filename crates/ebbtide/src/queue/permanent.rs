use std::error::Error;
use std::fmt;

use crate::runtime::BoxError;

/// Marks a job's error as one that no further attempt can mend, such as a payload that cannot be read: the job is buried
/// at once.
///
/// # Examples
///
/// ```
/// use ebbtide::BoxError;
/// use ebbtide::queue::Permanent;
///
/// fn quantity(payload: &[u8]) -> Result<u32, BoxError> {
///     let text = std::str::from_utf8(payload).map_err(Permanent::new)?;
///     Ok(text.parse().map_err(Permanent::new)?)
/// }
/// assert!(quantity(b"none").unwrap_err().is::<Permanent>());
/// ```
#[derive(Debug)]
pub struct Permanent {
    source: BoxError,
}

impl Permanent {
    /// Marks an error.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self { source: error.into() }
    }
}

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for Permanent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}
