use std::collections::HashMap;

use super::Store;
use crate::MissingFeature;

/// Stands in for PostgreSQL in a build that has no client for it.
pub(super) async fn open(_url: &str) -> Result<Store, sqlx::Error> {
    Err(missing())
}

pub(super) async fn states(_url: &str) -> Result<HashMap<String, String>, sqlx::Error> {
    Err(missing())
}

fn missing() -> sqlx::Error {
    sqlx::Error::Configuration(MissingFeature::new("DATABASE_URL", "postgres").into())
}
