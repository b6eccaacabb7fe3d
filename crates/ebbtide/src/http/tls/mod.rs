//! TLS: where its certificates come from, and how they are exchanged while the server runs.

mod error;
mod files;
#[expect(clippy::module_inception, reason = "the type has the folder's name")]
mod tls;

pub use error::TlsError;
pub use tls::Tls;
