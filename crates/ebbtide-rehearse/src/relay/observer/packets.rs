//! Protocols whose messages have a head with a length: PostgreSQL and MySQL.

use super::Seen;

/// Collects the heads of messages, and skips the rest of each.
#[derive(Debug, Default)]
struct Heads {
    head: Vec<u8>,
    skip: u64,
}

impl Heads {
    /// Takes `byte`. Returns the head when it has `length` bytes; it is kept until [`skip`](Self::skip).
    fn take(&mut self, byte: u8, length: usize) -> Option<&[u8]> {
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.head.push(byte);
        (self.head.len() >= length).then_some(&self.head)
    }

    /// Begins the next message after `rest` bytes.
    fn skip(&mut self, rest: u64) {
        self.head.clear();
        self.skip = rest;
    }
}

/// The messages of a PostgreSQL client. (PostgreSQL documentation, "Message Formats".)
#[derive(Debug, Default)]
pub(super) struct Postgres {
    heads: Heads,
    started: bool,
    /// A request for encryption was sent, which the server answers with one byte.
    asked: bool,
}

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

impl Postgres {
    pub(super) fn sent(&mut self, byte: u8, seen: &mut Seen) {
        if self.started {
            let Some(&[kind, a, b, c, d, ..]) = self.heads.take(byte, 5) else { return };
            seen.goodbye = kind == b'X';
            self.heads.skip(u64::from(u32::from_be_bytes([a, b, c, d])).saturating_sub(4));
            return;
        }
        let Some(&[a, b, c, d, e, f, g, h, ..]) = self.heads.take(byte, 8) else { return };
        match u32::from_be_bytes([e, f, g, h]) {
            SSL_REQUEST | GSS_REQUEST => self.asked = true,
            // The only message of its connection, which the server then closes.
            CANCEL_REQUEST => seen.goodbye = true,
            _ => self.started = true,
        }
        self.heads.skip(u64::from(u32::from_be_bytes([a, b, c, d])).saturating_sub(8));
    }

    pub(super) fn received(&mut self, first: u8, seen: &mut Seen) {
        if std::mem::take(&mut self.asked) {
            seen.opaque = matches!(first, b'S' | b'G');
        }
    }
}

/// The packets of a MySQL client. (MySQL source code documentation, "Client/Server Protocol".)
#[derive(Debug, Default)]
pub(super) struct Mysql {
    heads: Heads,
    greeted: bool,
}

/// Flags of the client: from here on TLS, or compressed packets.
const OPAQUE: u32 = 0x0000_0800 | 0x0000_0020 | 0x0400_0000;
const COM_QUIT: u8 = 1;

impl Mysql {
    pub(super) fn sent(&mut self, byte: u8, seen: &mut Seen) {
        // The first packet begins with four bytes of flags, each later one with a command.
        let length = if self.greeted { 5 } else { 8 };
        let Some(head) = self.heads.take(byte, 4) else { return };
        let &[a, b, c, number, ref rest @ ..] = head else { return };
        let size = u32::from_le_bytes([a, b, c, 0]);
        if size == 0 {
            return self.heads.skip(0);
        }
        if head.len() < length {
            return;
        }
        if self.greeted {
            seen.goodbye = number == 0 && size == 1 && rest == [COM_QUIT];
        } else {
            let flags = rest.first_chunk().map_or(0, |flags| u32::from_le_bytes(*flags));
            seen.opaque = flags & OPAQUE != 0;
            self.greeted = true;
        }
        let read = length.saturating_sub(4) as u64;
        self.heads.skip(u64::from(size).saturating_sub(read));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{reads, whole_and_in_parts};
    use crate::record::DependencyProtocol::{Mysql, Postgres};

    fn postgres(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind][..], &length, body].concat()
    }

    fn startup(code: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
        [&length[..], &code.to_be_bytes(), body].concat()
    }

    #[test]
    fn terminate_ends_a_session_of_postgresql() {
        let open = [startup(196_608, b"user\0a\0\0"), postgres(b'Q', b"SELECT 'X'\0")].concat();
        assert_eq!(whole_and_in_parts(Postgres, &open), (false, false, false));
        let closed = [open, postgres(b'X', b"")].concat();
        assert_eq!(whole_and_in_parts(Postgres, &closed), (true, false, false));
        // A request to cancel a statement has a connection of its own.
        assert_eq!(whole_and_in_parts(Postgres, &startup(80_877_102, &[0; 8])), (true, false, false));
    }

    #[test]
    fn encryption_of_postgresql_begins_with_the_servers_consent() {
        let ask = startup(80_877_103, b"");
        let mut refused = reads(Postgres, &[&ask]);
        refused.received(b"N");
        refused.sent(&[startup(196_608, b"user\0a\0\0"), postgres(b'X', b"")].concat());
        assert!(refused.seen().goodbye && !refused.seen().opaque);
        let mut accepted = reads(Postgres, &[&ask]);
        accepted.received(b"S");
        accepted.sent(b"\x16\x03\x01X\0\0\0\x04X\0\0\0\x04");
        assert!(accepted.seen().opaque && !accepted.seen().goodbye);
        assert!(reads(Postgres, &[b"\x16\x03\x01"]).seen().opaque, "TLS from the first byte on");
    }

    fn mysql(number: u8, body: &[u8]) -> Vec<u8> {
        let [a, b, c, _] = u32::try_from(body.len()).unwrap().to_le_bytes();
        [&[a, b, c, number][..], body].concat()
    }

    #[test]
    fn com_quit_ends_a_session_of_mysql() {
        let hello = mysql(1, &[&0x000a_a281_u32.to_le_bytes()[..], &[0; 28], b"root\0"].concat());
        // One byte of a login in parts, an empty packet, a statement, and its data.
        let open =
            [hello, mysql(3, b"\x01"), mysql(5, b""), mysql(0, b"\x03SELECT 1"), mysql(0, b"\x0e")].concat();
        assert_eq!(whole_and_in_parts(Mysql, &open), (false, false, false));
        assert_eq!(whole_and_in_parts(Mysql, &[open, mysql(0, b"\x01")].concat()), (true, false, false));
        for flag in [0x0800_u32, 0x20, 0x0400_0000] {
            let hello = mysql(1, &[&flag.to_le_bytes()[..], &[0; 28]].concat());
            assert_eq!(whole_and_in_parts(Mysql, &[hello, mysql(0, b"\x01")].concat()), (false, false, true));
        }
    }
}
