use std::io;
use std::net::SocketAddr;

use tokio::sync::mpsc;

use super::Tally;
use super::attempt::{Attempt, Exchange, connect, exchange};
use super::run::Gone;

const REQUEST: &[u8] = b"GET /ping HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

/// A connection for each request, as fast as it goes, until one is refused or the server is gone.
pub(super) async fn fresh(
    to: SocketAddr,
    ports: Option<Vec<u16>>,
    (mut gone, answered): (Gone, mpsc::Sender<()>),
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut ports = ports.map(|ports| ports.into_iter().cycle());
    while !gone.is_so() {
        let from = ports.as_mut().and_then(Iterator::next);
        match connect(to, from, &mut gone).await? {
            Attempt::Open(mut stream) => match exchange(&mut stream, REQUEST).await {
                Exchange::Answered { .. } => {
                    tally.answered += 1;
                    if tally.answered == 1 {
                        let _ = answered.try_send(());
                    }
                }
                Exchange::Lost(how) => tally.lose(how),
            },
            Attempt::Reset => tally.lose("ConnectionReset-at-once"),
            Attempt::Refused => {
                tally.refused += 1;
                break;
            }
            Attempt::Unanswered => tally.unanswered_syns += 1,
        }
    }
    Ok(tally)
}
