use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter of new requests. The lame duck ends when it has not changed for the quiet time. Clones share the counter.
///
/// Servers count arrivals from the stop signal on; the count is not used before.
///
/// # Examples
///
/// ```
/// # use ebbtide_core as ebbtide;
/// let arrivals = ebbtide::drain::Arrivals::new();
/// let server = arrivals.clone();
/// server.note();
/// assert_eq!(arrivals.count(), 1);
/// ```
#[derive(Clone, Default)]
pub struct Arrivals {
    count: Arc<AtomicU64>,
}

impl Arrivals {
    /// Creates a counter at zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// assert_eq!(ebbtide::drain::Arrivals::new().count(), 0);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a new request.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let arrivals = ebbtide::drain::Arrivals::new();
    /// arrivals.note();
    /// arrivals.note();
    /// assert_eq!(arrivals.count(), 2);
    /// ```
    #[inline]
    pub fn note(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of requests counted. It never decreases; a value that has not changed means that no request came.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// let arrivals = ebbtide::drain::Arrivals::new();
    /// let before = arrivals.count();
    /// assert!(arrivals.count() == before, "quiet since");
    /// ```
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Arrivals").field(&self.count()).finish()
    }
}
