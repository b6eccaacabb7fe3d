//! The dependencies that the service reaches through a relay.

use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

use super::Target;
use crate::record::DependencyProtocol;

/// A dependency of the service, which is reached through a relay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Via {
    /// Its name: that of a protocol, or one that begins with it, such as `postgres-orders`.
    pub name: String,
    /// Its protocol.
    pub protocol: DependencyProtocol,
    /// Where it listens.
    pub target: Target,
    /// What happens to it at the signal.
    pub at_signal: Option<ViaAtSignal>,
}

/// What happens to a dependency from the signal on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ViaAtSignal {
    /// What is sent, either way, arrives this much later.
    Delay(Duration),
    /// What is sent, either way, does not arrive. Connections stay open.
    Silence,
}

/// A dependency that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum BadVia {
    /// It has no name and address.
    #[error("invalid dependency `{0}`: expected NAME=HOST:PORT, such as postgres=127.0.0.1:5432")]
    Form(String),
    /// Its name is not that of a protocol.
    #[error("invalid dependency `{0}`: the name begins with none of the protocols {names}", names = names())]
    Protocol(String),
}

impl Via {
    /// Parses `postgres=127.0.0.1:5432`, or `postgres-orders=127.0.0.1:5432`.
    ///
    /// # Errors
    ///
    /// `text` has another form, or the name begins with no protocol that is known.
    pub fn parse(text: &str) -> Result<Self, BadVia> {
        let form = || BadVia::Form(text.to_owned());
        let (name, address) = text.split_once('=').ok_or_else(form)?;
        let is_word = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if !name.split('-').all(is_word) || !address.contains(':') {
            return Err(form());
        }
        let protocol = name.split('-').next().unwrap_or_default();
        let protocol = DependencyProtocol::ALL.into_iter().find(|known| known.name() == protocol);
        let protocol = protocol.ok_or_else(|| BadVia::Protocol(text.to_owned()))?;
        let target = Target::from_port(address).map_err(|_| form())?;
        Ok(Self { name: name.to_owned(), protocol, target, at_signal: None })
    }

    /// Returns the environment variable with the address of the relay: `VIA_POSTGRES_ORDERS`.
    pub fn variable(&self) -> String {
        format!("VIA_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }
}

/// Replaces `{via.NAME}` in `text` by the address of the relay, and `{via.NAME.port}` by its port.
pub(crate) fn filled(text: &str, vias: &[Via], relays: &[SocketAddr]) -> String {
    vias.iter().zip(relays).fold(text.to_owned(), |text, (via, relay)| {
        text.replace(&format!("{{via.{}}}", via.name), &relay.to_string())
            .replace(&format!("{{via.{}.port}}", via.name), &relay.port().to_string())
    })
}

/// Returns the first placeholder of a relay in `text` that belongs to none of `vias`.
pub fn unknown_relay<'t>(text: &'t str, vias: &[Via]) -> Option<&'t str> {
    let inner = text.split("{via.").skip(1).filter_map(|rest| rest.split_once('}').map(|(inner, _)| inner));
    inner.into_iter().find(|inner| {
        let name = inner.strip_suffix(".port").unwrap_or(inner);
        !vias.iter().any(|via| via.name == name)
    })
}

fn names() -> String {
    DependencyProtocol::ALL.map(DependencyProtocol::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            BadVia::Form(_) => BadVia::Form("postgres".to_owned());
            BadVia::Protocol(_) => BadVia::Protocol("oracle=127.0.0.1:1521".to_owned());
        }
    }

    #[test]
    fn a_dependency_has_a_name_that_begins_with_its_protocol_and_an_address() {
        let seen = |text| Via::parse(text).map(|via| (via.protocol, via.target.authority(), via.variable()));
        let (postgres, nats) = (DependencyProtocol::Postgres, DependencyProtocol::Nats);
        assert_eq!(
            seen("postgres=db.example.org:5432"),
            Ok((postgres, "db.example.org:5432".to_owned(), "VIA_POSTGRES".to_owned()))
        );
        assert_eq!(
            seen("nats-jobs-2=[::1]:4222"),
            Ok((nats, "[::1]:4222".to_owned(), "VIA_NATS_JOBS_2".to_owned()))
        );
        for text in
            ["postgres", "postgres=", "=1:2", "postgres=5432", "postgres=db:0", "postgres-=a:1", "Nats=a:1"]
        {
            assert_eq!(seen(text), Err(BadVia::Form(text.to_owned())));
        }
        assert_eq!(seen("oracle=a:1"), Err(BadVia::Protocol("oracle=a:1".to_owned())));
    }

    #[test]
    fn placeholders_are_those_of_the_relays() {
        let vias = ["postgres=a:1", "postgres-orders=a:2"].map(|text| Via::parse(text).unwrap());
        let relays = ["127.0.0.1:41", "127.0.0.1:42"].map(|text| text.parse().unwrap());
        let text = "postgres://a@{via.postgres}/a {via.postgres-orders.port} {ms}";
        assert_eq!(filled(text, &vias, &relays), "postgres://a@127.0.0.1:41/a 42 {ms}");
        assert_eq!(unknown_relay(text, &vias), None);
        assert_eq!(unknown_relay("{via.postgres} {via.redis}", &vias), Some("redis"));
        assert_eq!(unknown_relay("{via.redis.port}", &vias), Some("redis.port"));
        assert_eq!(unknown_relay("{via.open", &vias), None);
    }
}
