use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::Tally;
use super::attempt::{Attempt, Exchange, connect, exchange, is_closed};
use super::run::Gone;

const REQUEST: &[u8] = b"GET /ping HTTP/1.1\r\nHost: test\r\n\r\n";

/// One connection for as long as the server keeps it, with thinking between two requests.
pub(super) async fn kept(
    to: SocketAddr,
    thinking: Duration,
    seed: u64,
    (mut gone, answered): (Gone, mpsc::Sender<()>),
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut open: Option<TcpStream> = None;
    let mut thoughts = Thoughts(seed);
    while !gone.is_so() {
        let mut stream = match open.take() {
            Some(stream) => stream,
            None => match connect(to, None, &mut gone).await? {
                Attempt::Open(stream) => stream,
                Attempt::Reset => {
                    tally.lose("ConnectionReset-at-once");
                    continue;
                }
                Attempt::Refused => {
                    tally.refused += 1;
                    break;
                }
                Attempt::Unanswered => {
                    tally.unanswered_syns += 1;
                    continue;
                }
            },
        };
        match exchange(&mut stream, REQUEST).await {
            Exchange::Answered { closes } => {
                tally.answered += 1;
                if tally.answered == 1 {
                    let _ = answered.try_send(());
                }
                let thought = Duration::try_from_secs_f64(thinking.as_secs_f64() * thoughts.next());
                tokio::time::sleep(thought.unwrap_or(thinking)).await;
                open = (!closes && !is_closed(&stream)).then_some(stream);
            }
            Exchange::Lost(how) => tally.lose(how),
        }
    }
    Ok(tally)
}

/// Numbers from 0 to 1, the same in each run.
struct Thoughts(u64);

impl Thoughts {
    fn next(&mut self) -> f64 {
        self.0 += 1;
        f64::from(crate::pattern::byte(self.0.wrapping_mul(7919))) / 255.0
    }
}
