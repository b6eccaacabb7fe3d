//! Clients for a server in another namespace. Reads lines: `begin ADDRESS FRESH LATE KEPT` and, when the server is gone,
//! `gone`; the answers carry the number of the round.

use std::error::Error;
use std::time::Duration;

use ebbtide_e2e::LATE_PORTS;
use ebbtide_e2e::storm::{Clients, Storm};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::setup::Arguments;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(_: Arguments) -> Result<(), Box<dyn Error>> {
    ebbtide_e2e::raise_open_files()?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut round = 0;
    while let Some(line) = lines.next_line().await? {
        let ["begin", to, fresh, late, kept] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(format!("not understood: {line}").into());
        };
        let mut storm = Storm::begin(Clients {
            to: to.parse()?,
            fresh: fresh.parse()?,
            late: late.parse()?,
            ports: LATE_PORTS,
            kept: kept.parse()?,
            thinking: Duration::from_millis(20),
        });
        storm.is_up().await?;
        println!("storm {round} is up");
        if lines.next_line().await?.as_deref() != Some("gone") {
            return Ok(());
        }
        println!("storm {round}: {}", storm.gone().await?);
        round += 1;
    }
    Ok(())
}
