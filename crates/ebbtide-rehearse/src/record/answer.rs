//! What a whole answer looked like, so that answers can be compared.

use serde::Serialize;

/// A whole answer, as far as it is compared with others of its route.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Answer {
    /// The length of its body in bytes, without the framing.
    pub length: u64,
    /// A digest of its body.
    pub digest: u64,
    /// What the end of its body was known by.
    pub framing: Framing,
    /// A digest of its `Location` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<u64>,
    /// Whether the server left the connection open for another request: it did not answer `Connection: close`.
    pub keeps: bool,
}

/// What the end of a body is known by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// There is no body, as after HEAD.
    NoBody,
    /// `Content-Length`.
    Length,
    /// The last chunk.
    Chunked,
    /// The end of the connection alone: a body that is cut looks whole.
    Close,
}

/// A digest that grows with the bytes it is fed (FNV-1a): equal bytes, however they were split, have the same one.
#[derive(Clone, Copy, Debug)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Adds `bytes`.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The digest of what was added.
    pub(crate) fn value(self) -> u64 {
        self.0
    }
}

/// The digest of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    let mut digest = Digest::default();
    digest.add(bytes);
    digest.value()
}
