use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::kind::ServerKind;
use super::process::Process;
use crate::failure::Failure;

const START_PATIENCE: Duration = Duration::from_secs(180);
const STEP: Duration = Duration::from_millis(50);

/// A server on a free port, with its data in a temporary folder. Dropping it stops the server and removes the data.
#[derive(Debug)]
pub(super) struct OwnServer {
    /// The first one is a dependency of the others, so it ends last.
    processes: Vec<Process>,
    port: u16,
    /// Removed after the processes have ended: `Drop` of the struct runs before that of its fields.
    folder: TempDir,
}

impl OwnServer {
    /// Installs the server if it is missing, starts it, and waits until it accepts requests.
    ///
    /// # Errors
    ///
    /// When it cannot be installed, does not start, or does not answer within a minute.
    pub(super) fn start(kind: &ServerKind) -> Result<Self, Failure> {
        let prefix = format!("ebbtide-{}-", kind.name.to_lowercase());
        let folder = TempDir::with_prefix(prefix).map_err(Failure::io("create a temporary folder"))?;
        let port = free_port()?;
        let processes = (kind.launch)(folder.path(), port)?;
        let mut server = Self { processes, port, folder };
        server.wait_until_it_answers(kind)?;
        Ok(server)
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    fn wait_until_it_answers(&mut self, kind: &ServerKind) -> Result<(), Failure> {
        for _ in 0..START_PATIENCE.as_millis() / STEP.as_millis() {
            if (kind.answers)(self.port) {
                return Ok(());
            }
            if self.processes.iter_mut().any(Process::has_ended) {
                break;
            }
            thread::sleep(STEP);
        }
        let said = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        Err(Failure::Server { name: kind.name, said })
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        while let Some(process) = self.processes.pop() {
            drop(process);
        }
    }
}

/// Returns a port of the loopback that nothing listens on.
///
/// # Errors
///
/// When there is none.
pub(crate) fn free_port() -> Result<u16, Failure> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::io("find a free port"))?;
    Ok(socket.local_addr().map_err(Failure::io("find a free port"))?.port())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;
    use crate::test::servers::{nats, postgres, rabbitmq, redis, sqs};

    /// The server answers until it is dropped; then nothing listens on its port and its folder is removed.
    fn serves_and_is_removed(kind: &ServerKind) {
        let server = OwnServer::start(kind).unwrap();
        let (port, folder) = (server.port(), server.folder.path().to_owned());
        assert!((kind.answers)(port) && folder.is_dir());
        drop(server);
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
        assert!(!folder.exists());
    }

    #[test]
    fn a_postgres_of_our_own_serves_and_is_removed() {
        serves_and_is_removed(&postgres::KIND);
    }

    #[test]
    fn a_redis_of_our_own_serves_and_is_removed() {
        serves_and_is_removed(&redis::KIND);
    }

    #[test]
    fn a_rabbitmq_of_our_own_serves_and_is_removed() {
        serves_and_is_removed(&rabbitmq::KIND);
    }

    #[test]
    fn a_nats_of_our_own_serves_and_is_removed() {
        serves_and_is_removed(&nats::KIND);
    }

    #[test]
    fn an_sqs_of_our_own_serves_and_is_removed() {
        serves_and_is_removed(&sqs::KIND);
    }

    #[test]
    fn no_probe_accepts_another_kind_of_server() {
        let redis = OwnServer::start(&redis::KIND).unwrap();
        let nats = OwnServer::start(&nats::KIND).unwrap();
        for kind in ServerKind::ALL {
            assert_eq!((kind.answers)(redis.port()), kind.name == redis::KIND.name, "{}", kind.name);
            assert_eq!((kind.answers)(nats.port()), kind.name == nats::KIND.name, "{}", kind.name);
        }
    }
}
