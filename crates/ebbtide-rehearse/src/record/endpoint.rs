//! The address of a listener.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The address of a listener: `127.0.0.1:8080`, `[::1]:8080` or `unix:/run/app.sock` as text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Endpoint {
    /// Of TCP.
    Tcp(SocketAddr),
    /// The path of a Unix socket; `@NAME` is the abstract socket NAME.
    Unix(Arc<Path>),
}

/// What precedes the path of a Unix socket.
pub(crate) const UNIX: &str = "unix:";

/// A text is not the address of a listener.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("invalid address `{0}`: expected IP:PORT or unix:PATH")]
pub struct BadEndpoint(String);

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        match text.strip_prefix(UNIX) {
            Some("") => Err(BadEndpoint(text.into())),
            Some(path) => Ok(Self::Unix(Path::new(path).into())),
            None => text.parse().map(Self::Tcp).map_err(|_| BadEndpoint(text.into())),
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn an_address_is_read_back_from_its_text() {
        for text in ["127.0.0.1:8080", "[::1]:80", "unix:/run/a b:c.sock", "unix:@abstract"] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), text);
            let json = serde_json::to_string(&endpoint).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Endpoint>(&json).unwrap(), endpoint);
        }
        for text in ["localhost:80", "/run/app.sock", "unix:", ""] {
            assert_eq!(text.parse::<Endpoint>(), Err(BadEndpoint(text.to_owned())));
        }
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            BadEndpoint(_) => BadEndpoint("localhost:80".to_owned());
        }
    }
}
