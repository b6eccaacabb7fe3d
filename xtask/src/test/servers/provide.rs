use std::env;

use super::kind::ServerKind;
use super::own::OwnServer;
use crate::failure::Failure;
use crate::shell::say;

/// In place of a URL: start a separate server even if a local one answers.
const OWN: &str = "own";

/// One server of each kind that the tests need. Dropping it stops those that were started here.
#[derive(Debug, Default)]
pub(in crate::test) struct Servers(Vec<Server>);

#[derive(Debug)]
struct Server {
    kind: ServerKind,
    origin: ServerOrigin,
}

/// Where a server comes from.
#[derive(Debug)]
enum ServerOrigin {
    /// Named by the caller, not checked.
    Named(String),
    /// Already running on this machine.
    Local,
    /// Started and stopped by xtask.
    Own(OwnServer),
}

impl Servers {
    /// Finds a server of each kind, or installs and starts one.
    ///
    /// # Errors
    ///
    /// When a kind has no server and none can be started.
    pub(in crate::test) fn provide() -> Result<Self, Failure> {
        // Pushed one by one: when the third cannot be started, the first two are stopped.
        let mut servers = Self::default();
        for kind in ServerKind::ALL {
            let server = Server::provide(kind)?;
            say(&format!("==> {}: {}", server.kind.name, server.url()));
            servers.0.push(server);
        }
        Ok(servers)
    }

    /// Returns the environment variables that pass the servers to the tests.
    pub(in crate::test) fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.0.iter().map(|server| (server.kind.variable, server.url()))
    }
}

impl Server {
    fn provide(kind: ServerKind) -> Result<Self, Failure> {
        let origin = match env::var(kind.variable) {
            Ok(word) if word == OWN => ServerOrigin::Own(OwnServer::start(&kind)?),
            Ok(url) if !url.is_empty() => ServerOrigin::Named(url),
            _ if (kind.answers)(kind.local_port) => ServerOrigin::Local,
            _ => ServerOrigin::Own(OwnServer::start(&kind)?),
        };
        Ok(Self { kind, origin })
    }

    fn url(&self) -> String {
        match &self.origin {
            ServerOrigin::Named(url) => url.clone(),
            ServerOrigin::Local => (self.kind.url)(self.kind.local_port),
            ServerOrigin::Own(server) => (self.kind.url)(server.port()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.origin, ServerOrigin::Own(_)) {
            say(&format!("==> stopping {}", self.kind.name));
        }
    }
}
