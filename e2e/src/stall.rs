#![expect(clippy::panic, clippy::expect_used, reason = "a broken harness fails its test")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A proxy in front of a server, which can be told to carry nothing for a while, in either direction. Stopped when it is dropped.
#[derive(Debug)]
pub struct Stall {
    /// Where clients connect.
    pub addr: SocketAddr,
    gates: watch::Sender<Gates>,
    sent: Arc<Mutex<Vec<u8>>>,
    _carrying: JoinSet<()>,
}

/// How many bytes are kept to be looked at.
const NOTED: usize = 4096;

/// Which directions are open.
#[derive(Clone, Copy, Debug)]
struct Gates {
    to_server: bool,
    to_client: bool,
}

impl Stall {
    /// Starts it in front of a server at `host:port`, carrying everything.
    ///
    /// # Panics
    ///
    /// When it has no port to listen on.
    pub async fn before(server: &str) -> Self {
        let listener =
            TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("no port: {error}"));
        let addr = listener.local_addr().expect("it is bound");
        let gates = watch::Sender::new(Gates { to_server: true, to_client: true });
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (server, opened, noted) = (server.to_owned(), gates.clone(), Arc::clone(&sent));
        let mut carrying = JoinSet::new();
        carrying.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                let (to_server_open, to_client_open) = (opened.subscribe(), opened.subscribe());
                let noted = Some(Arc::clone(&noted));
                connections.spawn(carry(
                    from_client,
                    to_server,
                    to_server_open,
                    |gates| gates.to_server,
                    noted,
                ));
                connections.spawn(carry(
                    from_server,
                    to_client,
                    to_client_open,
                    |gates| gates.to_client,
                    None,
                ));
            }
        });
        Self { addr, gates, sent, _carrying: carrying }
    }

    /// Returns the last few of the bytes that clients have sent and the server was given.
    pub fn sent(&self) -> Vec<u8> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Carries nothing to the server from now on: the client's socket fills up.
    pub fn hold_to_server(&self) {
        self.gates.send_modify(|gates| gates.to_server = false);
    }

    /// Carries nothing to the client from now on.
    pub fn hold_to_client(&self) {
        self.gates.send_modify(|gates| gates.to_client = false);
    }

    /// Carries everything again.
    pub fn release(&self) {
        self.gates.send_replace(Gates { to_server: true, to_client: true });
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut gates: watch::Receiver<Gates>,
    is_open: fn(&Gates) -> bool,
    noted: Option<Arc<Mutex<Vec<u8>>>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // Asked again behind the read: what came while the gate was closed waits here.
        let Ok(read) = from.read(&mut buffer).await else { return };
        if gates.wait_for(is_open).await.is_err() || read == 0 || to.write_all(&buffer[..read]).await.is_err()
        {
            // The end is carried as well, when its write half is dropped.
            return;
        }
        if let Some(noted) = &noted {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.extend_from_slice(&buffer[..read]);
            let more = noted.len().saturating_sub(NOTED);
            noted.drain(..more);
        }
    }
}
