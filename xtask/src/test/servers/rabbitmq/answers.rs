use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::test::servers::greeting::greet;

/// The methods of AMQP 0-9-1 (section 1.4) that open a connection: their class, and their number in it.
const START: Method = [0, 10, 0, 10];
const START_OK: Method = [0, 10, 0, 11];
const TUNE: Method = [0, 10, 0, 30];
const TUNE_OK: Method = [0, 10, 0, 31];
const OPEN: Method = [0, 10, 0, 40];
const OPEN_OK: Method = [0, 10, 0, 41];
const CLOSE: Method = [0, 10, 0, 50];
const CLOSE_OK: Method = [0, 10, 0, 51];

type Method = [u8; 4];

/// More than any of these methods is long: who says so speaks another protocol.
const LONGEST: usize = 1 << 16;

/// Returns whether a RabbitMQ lets `guest` into its virtual host `/`.
pub(super) fn answers(port: u16) -> bool {
    shake_hands(port).is_ok()
}

fn shake_hands(port: u16) -> io::Result<()> {
    let mut stream = greet(port)?;
    stream.write_all(b"AMQP\x00\x00\x09\x01")?;
    expect(&mut stream, START)?;
    // No properties, then mechanism, response and locale, each behind its length.
    send(&mut stream, START_OK, b"\x00\x00\x00\x00\x05PLAIN\x00\x00\x00\x0c\x00guest\x00guest\x05en_US")?;
    let limits = expect(&mut stream, TUNE)?;
    send(&mut stream, TUNE_OK, &limits)?;
    send(&mut stream, OPEN, b"\x01/\x00\x00")?;
    expect(&mut stream, OPEN_OK)?;
    // In order, so that the server's log stays clean: 200, no words, and no method that was to blame.
    send(&mut stream, CLOSE, b"\x00\xc8\x00\x00\x00\x00\x00")?;
    expect(&mut stream, CLOSE_OK).map(drop)
}

/// A frame of the kind "method" on the connection's own channel: kind, channel, length, payload, end.
fn send(stream: &mut TcpStream, method: Method, arguments: &[u8]) -> io::Result<()> {
    let length = u32::try_from(method.len() + arguments.len()).map_err(io::Error::other)?;
    stream.write_all(&[&[1, 0, 0], &length.to_be_bytes()[..], &method, arguments, &[0xce]].concat())
}

/// Reads a frame and returns its method's arguments.
fn expect(stream: &mut TcpStream, method: Method) -> io::Result<Vec<u8>> {
    let mut head = [0; 7];
    stream.read_exact(&mut head)?;
    let [1, 0, 0, length @ ..] = head else { return Err(io::Error::other("another protocol")) };
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    if length > LONGEST {
        return Err(io::Error::other("another protocol"));
    }
    let mut payload = vec![0; length + 1];
    stream.read_exact(&mut payload)?;
    match payload.strip_prefix(&method).and_then(|rest| rest.strip_suffix(&[0xce])) {
        Some(arguments) => Ok(arguments.to_vec()),
        None => Err(io::Error::other("refused")),
    }
}
