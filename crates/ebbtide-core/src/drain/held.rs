use std::ops::Deref;

/// What a future waits on: borrowed from its owner, or a handle of the future's own.
#[derive(Debug)]
pub(super) enum Held<'a, T> {
    Borrowed(&'a T),
    Owned(T),
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Borrowed(value) => value,
            Self::Owned(value) => value,
        }
    }
}
