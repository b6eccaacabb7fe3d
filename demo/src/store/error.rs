/// The database did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The database cannot be opened.
    #[error("failed to open the {database} database: {cause}")]
    Open {
        /// What kind it is. Its address may hold a password.
        database: &'static str,
        cause: sqlx::Error,
    },
    /// A statement failed.
    #[error("failed to {action}: {cause}")]
    Statement { action: &'static str, cause: sqlx::Error },
}

impl StoreError {
    /// Makes the mapping for a statement that was to do `action`.
    pub(crate) fn when(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |cause| Self::Statement { action, cause }
    }
}
