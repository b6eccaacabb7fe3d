use std::io::{self, Read, Write};

use crate::test::servers::greeting::greet;

/// Protocol 3.0, user and database `postgres`: what PostgreSQL calls a startup message, without its length.
const STARTUP: &[u8] = b"\x00\x03\x00\x00user\0postgres\0database\0postgres\0\0";

/// Authentication is done and nothing was asked: kind, length, zero.
const AUTHENTICATION_OK: &[u8; 9] = b"R\x00\x00\x00\x08\x00\x00\x00\x00";

/// Returns whether a PostgreSQL lets the user `postgres` in without a password.
pub(super) fn answers(port: u16) -> bool {
    ask(port).is_ok_and(|answer| answer == *AUTHENTICATION_OK)
}

fn ask(port: u16) -> io::Result<[u8; 9]> {
    let mut stream = greet(port)?;
    let length = u32::try_from(STARTUP.len() + 4).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), STARTUP].concat())?;
    let mut answer = [0; 9];
    stream.read_exact(&mut answer)?;
    // Terminate, so that the server's log and its count of abandoned sessions stay clean.
    stream.write_all(b"X\x00\x00\x00\x04")?;
    Ok(answer)
}
