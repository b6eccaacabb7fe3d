//! A server that opens and closes as often as it is told. Arguments: the address, and `abrupt` for the opposite. Reads lines:
//! `open`, and `close`; the answers carry the number of the round.

use std::error::Error;
use std::time::Instant;

use ebbtide::drain::StopSource;
use ebbtide::http::{CloseMode, Listener, Server};
use ebbtide::model::Cause;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::setup::Arguments;

#[expect(clippy::disallowed_methods, reason = "the token's clock")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::main]
pub(crate) async fn run(mut arguments: Arguments) -> Result<(), Box<dyn Error>> {
    ebbtide_e2e::raise_open_files()?;
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false).init();
    let address = arguments.next().ok_or("closer ADDRESS [abrupt]")?;
    let mode =
        if arguments.next().as_deref() == Some("abrupt") { CloseMode::Abrupt } else { CloseMode::Lossless };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut round = 0;
    while lines.next_line().await?.as_deref() == Some("open") {
        let listener = Listener::bind(&address).await?;
        println!("open {round} at {}", listener.local_addr());
        let stop = StopSource::with_clock(now);
        let server = Server::new(ebbtide_e2e::routes()).close_mode(mode);
        let work = server.work();
        let serving = server.serve(listener, stop.token(), stop.token());
        let told = async {
            let told = lines.next_line().await;
            stop.stop(Cause::Requested { reason: "told".into() }, None);
            told
        };
        let (served, told) = tokio::join!(serving, told);
        served?;
        told?;
        println!("closed {round} finished={} cut={}", work.finished(), work.cut());
        round += 1;
    }
    Ok(())
}
