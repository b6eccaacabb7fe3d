use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts new requests, so that the lame duck can tell when none comes any more. Clones count together.
///
/// Servers note an arrival from the signal on; before it nobody asks.
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
    /// Makes a counter at zero.
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

    /// Notes that a new request came.
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

    /// Returns how many were noted. It never goes down: that it stands still means that none came.
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
