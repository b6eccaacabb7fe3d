use crate::lifecycle::Lifecycle;
use crate::model::{Budget, Platform};

/// Begins a lifecycle for a [`Trial`](super::Trial): like [`Lifecycle::new`], but it takes no signals and starts no thread.
///
/// Its budget is that of a machine without a platform, whatever the tests run on, and no environment variable overrides it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let _lifecycle = ebbtide::testing::lifecycle("orders").grace(Duration::from_secs(60));
/// ```
pub fn lifecycle(name: impl Into<String>) -> Lifecycle {
    lifecycle_on(Platform::Plain, name)
}

/// Begins a lifecycle for a [`Trial`](super::Trial) as if it ran on `platform`.
///
/// # Examples
///
/// ```
/// use ebbtide::model::Platform;
///
/// let _lifecycle = ebbtide::testing::lifecycle_on(Platform::Kubernetes, "orders");
/// ```
pub fn lifecycle_on(platform: Platform, name: impl Into<String>) -> Lifecycle {
    Lifecycle::as_guest(name.into(), Budget::of(platform))
}
