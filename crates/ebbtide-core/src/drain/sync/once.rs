#[cfg(not(ebbtide_loom))]
pub(in crate::drain) use std::sync::OnceLock;

#[cfg(ebbtide_loom)]
pub(in crate::drain) use modelled::OnceLock;

/// loom has no `OnceLock`. This one holds the value in std's, and shows it only to who has seen it published, so that a
/// missing happens-before edge shows as a missing value.
#[cfg(ebbtide_loom)]
mod modelled {
    use std::sync::atomic::Ordering::{Acquire, Release};

    use loom::sync::atomic::AtomicBool;

    #[derive(Debug, Default)]
    pub(in crate::drain) struct OnceLock<T> {
        published: AtomicBool,
        value: std::sync::OnceLock<T>,
    }

    impl<T> OnceLock<T> {
        pub(in crate::drain) fn new() -> Self {
            Self { published: AtomicBool::new(false), value: std::sync::OnceLock::new() }
        }

        pub(in crate::drain) fn get(&self) -> Option<&T> {
            if self.published.load(Acquire) { self.value.get() } else { None }
        }

        pub(in crate::drain) fn set(&self, value: T) -> Result<(), T> {
            let set = self.value.set(value);
            self.published.store(true, Release);
            set
        }

        pub(in crate::drain) fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
            let value = self.value.get_or_init(init);
            self.published.store(true, Release);
            value
        }
    }
}
