/// What a close or a hook may return: nothing, or a `Result` with the error type of its handle.
///
/// Sealed: implemented for `()` and `Result<(), E>`. A closure that ends in `Ok(())` needs no type for its error.
pub trait IntoResult<E>: sealed::Sealed {
    /// Returns the result; nothing is success.
    ///
    /// # Errors
    ///
    /// Those of the `Result`.
    fn into_result(self) -> Result<(), E>;
}

impl<E> IntoResult<E> for () {
    fn into_result(self) -> Result<(), E> {
        Ok(())
    }
}

impl<E> IntoResult<E> for Result<(), E> {
    fn into_result(self) -> Self {
        self
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for () {}
    impl<E> Sealed for Result<(), E> {}
}
