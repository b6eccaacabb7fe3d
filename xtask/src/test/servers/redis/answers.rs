use std::io::{self, Read, Write};

use crate::test::servers::greeting::greet;

const PONG: &[u8; 7] = b"+PONG\r\n";

/// Returns whether a Redis takes commands without a password.
pub(super) fn answers(port: u16) -> bool {
    ask(port).is_ok_and(|answer| answer == *PONG)
}

fn ask(port: u16) -> io::Result<[u8; 7]> {
    let mut stream = greet(port)?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; PONG.len()];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}
