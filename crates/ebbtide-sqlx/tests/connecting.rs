//! The log lines while a database is unavailable. One test: the subscriber is global to the process.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ebbtide::{LameDuck, Lifecycle};
use ebbtide_sqlx::SqlxExt as _;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }

    /// Waits for a line with this text.
    async fn line(&self, with: &str) -> String {
        loop {
            if let Some(line) = self.lines().into_iter().find(|line| line.contains(with)) {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_unavailable_database_is_logged_at_once_with_its_address_and_without_a_password() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
    // The listener is closed: connections to the address are refused.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report = Lifecycle::new("test").lame_duck(LameDuck::NONE).run_to_report(async |app| {
        let url = format!("postgres://shop:secret@{address}/orders");
        let connected = app.sqlx_connect::<sqlx::Postgres>("database", &url);
        tokio::select! {
            line = log.line("attempt=2") => {
                assert!(line.contains(&format!("waiting_for=\"database at {address}\"")), "{line}");
                assert!(line.contains("refused"), "{line}");
            }
            _ = connected => panic!("no server listens there"),
        }
        // The opposite: `PgPool::connect` of sqlx logs nothing in the time of those two attempts.
        let before = log.lines().len();
        let by_hand = sqlx::PgPool::connect(&url);
        tokio::select! {
            _ = by_hand => panic!("no server listens there"),
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
        assert_eq!(log.lines().len(), before, "{:?}", log.lines());
        app.stop("that is all");
        Ok(())
    });
    assert_eq!(report.unwrap().exit_code, 0);
    assert!(!log.lines().iter().any(|line| line.contains("secret")), "{:?}", log.lines());
}
