use std::env;

use super::answers::answers;
use super::own::OwnServer;
use crate::failure::Failure;
use crate::shell::say;

/// The variable that names a server for the tests, for us and for them.
const VARIABLE: &str = "EBBTIDE_TEST_POSTGRES";

const LOCAL_PORT: u16 = 5432;

/// A server that the tests may use, and whose it is.
#[derive(Debug)]
pub(in crate::test) enum Postgres {
    /// Named by the caller; taken at their word.
    Named(String),
    /// Was running on this machine.
    Local,
    /// Started by us, stopped by us.
    Own(OwnServer),
}

impl Postgres {
    /// Finds a server, or installs and starts one.
    ///
    /// # Errors
    ///
    /// When there is none and none can be started.
    pub(in crate::test) fn provide() -> Result<Self, Failure> {
        let found = match env::var(VARIABLE) {
            Ok(url) if !url.is_empty() => Self::Named(url),
            _ if answers(LOCAL_PORT) => Self::Local,
            _ => Self::Own(OwnServer::start()?),
        };
        say(&format!("==> PostgreSQL: {}", found.url()));
        Ok(found)
    }

    /// Returns the address as the tests take it.
    pub(in crate::test) fn url(&self) -> String {
        match self {
            Self::Named(url) => url.clone(),
            Self::Local => url_of(LOCAL_PORT),
            Self::Own(server) => url_of(server.port()),
        }
    }

    /// Stops the server if it is ours.
    pub(in crate::test) fn stop(self) {
        if let Self::Own(server) = self {
            say("==> stopping PostgreSQL");
            drop(server);
        }
    }
}

fn url_of(port: u16) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/postgres")
}
