//! Distance: hands bytes and ends of streams on, a while later, in the order in which they came.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::now;

/// The near end of the way to a server. It exists for as long as this is held.
pub(crate) struct Far {
    pub(crate) addr: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Far {
    /// Puts `one_way` between the clients and a server; with zero, nothing at all.
    pub(crate) async fn between(server: SocketAddr, one_way: Duration) -> Self {
        if one_way.is_zero() {
            return Self { addr: server, _tasks: JoinSet::new() };
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut ways = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                // The handshake takes its time as well; a refusal reaches the client as an end before anything was sent.
                let Ok(far) = TcpStream::connect(server).await else { continue };
                near.set_nodelay(true).unwrap();
                far.set_nodelay(true).unwrap();
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                carry(&mut ways, near_in, far_out, one_way);
                carry(&mut ways, far_in, near_out, one_way);
            }
        });
        Self { addr, _tasks: tasks }
    }
}

fn carry(ways: &mut JoinSet<()>, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, one_way: Duration) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    ways.spawn(async move {
        loop {
            let mut buf = vec![0; 4096];
            let read = from.read(&mut buf).await.unwrap_or(0);
            buf.truncate(read);
            if sender.send((now() + one_way, buf)).is_err() || read == 0 {
                return;
            }
        }
    });
    ways.spawn(async move {
        while let Some((at, bytes)) = receiver.recv().await {
            tokio::time::sleep_until(at.into()).await;
            if bytes.is_empty() || to.write_all(&bytes).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    });
}
