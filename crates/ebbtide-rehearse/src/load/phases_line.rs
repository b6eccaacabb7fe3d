//! The phase of a protocol of lines: half a line is sent before the signal, and the rest after it.

use tokio::time::{sleep, timeout};

use super::context::Stage;
use super::phases::{ConnectionInfo, GOES_ON, LATE, PREPARE, PhaseClient, record_held};
use crate::wire::{Line, LineConnection, Socket};

impl PhaseClient<'_> {
    /// Holds one connection with half a line sent, and finishes it after the signal.
    pub(super) async fn hold_line(&self) {
        let held = |held: Result<(), String>| record_held(self.context, self.phase, held, false);
        let opened = self.context.clock.now();
        let connected = match timeout(PREPARE, Socket::connect(&self.to)).await {
            Ok(Ok(socket)) => Ok(LineConnection::on(socket, opened)),
            Ok(Err(error)) => Err(format!("no connection: {error}")),
            Err(_) => Err(LATE.to_owned()),
        };
        let prepared = connected.and_then(|connection| Ok((connection, self.number()?)));
        let (mut connection, id) = match prepared {
            Ok(prepared) => prepared,
            Err(why) => return held(Err(why)),
        };
        let info = ConnectionInfo::new(opened, self.context.clock.now());
        let begun = info.connected;
        let line = Line::new(&self.route.path, id);
        let (first, rest) = line.bytes.split_at(line.bytes.len() / 2);
        // The read that follows shows what a failed write means.
        let mut sent = connection.write(first).await.is_ok();
        let is_early = tokio::select! {
            biased;
            () = self.context.until(Stage::Signalled) => false,
            () = connection.until_closed() => true,
        };
        if !is_early {
            sleep(GOES_ON).await;
        }
        // A real client checks the connection before it continues to write.
        sent = sent && !connection.closed() && connection.write(rest).await.is_ok();
        let seen = tokio::select! {
            biased;
            seen = connection.answer(&line, sent) => Some(seen),
            () = self.context.late() => None,
        };
        let seen = seen.unwrap_or_else(|| connection.late(sent));
        held(if is_early { Err("closed before the signal".to_owned()) } else { Ok(()) });
        self.write(id, info, begun, &seen);
    }
}
