//! A client of your own as a resource: connected at the start, watched while the service runs, and closed last.
//!
//! ```sh
//! cargo run -p ebbtide --example custom_resource -- 127.0.0.1:6379
//! ```

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ebbtide::{Backoff, BoxError, Handle, Lifecycle};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("cache-user");
    tracing_subscriber::fmt::init();
    lifecycle.run(start)
}

async fn start(app: Handle) -> Result<(), BoxError> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".to_owned());
    // A server that is not there yet is waited for; a signal ends the wait.
    let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    let cache = app.retry("cache", backoff, async || Cache::connect(&address).await).await?;
    // Closed when all servers, consumers and workers have stopped. A close that hangs is cancelled after two seconds.
    let cache = app.within(Duration::from_secs(2)).resource("cache", cache, Cache::close);
    // The service is ready while the check passes.
    app.check("cache", Duration::from_secs(5), move || cache.clone().ping());
    Ok(())
}

/// One connection that its users share.
#[derive(Clone)]
struct Cache(Arc<Mutex<TcpStream>>);

impl Cache {
    async fn connect(address: &str) -> io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(TcpStream::connect(address).await?))))
    }

    async fn ping(self) -> io::Result<()> {
        let (mut stream, mut answer) = (self.0.lock().await, [0; b"+PONG\r\n".len()]);
        stream.write_all(b"PING\r\n").await?;
        stream.read_exact(&mut answer).await?;
        Ok(())
    }

    async fn close(self) -> Result<(), BoxError> {
        // Waits until no task uses the connection, and then sends the end of the stream.
        self.0.lock().await.shutdown().await?;
        tracing::info!("cache closed");
        Ok(())
    }
}
