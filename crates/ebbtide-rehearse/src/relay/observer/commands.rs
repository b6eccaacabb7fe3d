//! The commands of Redis.

use super::Seen;

/// The part of a line that is kept: commands and numbers are short.
const LONGEST: usize = 512;

/// Collects lines, and skips what follows them.
#[derive(Debug, Default)]
struct Lines {
    line: Vec<u8>,
    skip: u64,
}

impl Lines {
    /// Takes `byte`. Returns the line without its end, when it is complete.
    fn take(&mut self, byte: u8) -> Option<String> {
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if byte != b'\n' {
            if self.line.len() < LONGEST {
                self.line.push(byte);
            }
            return None;
        }
        let line = String::from_utf8_lossy(&self.line).trim_end_matches('\r').to_owned();
        self.line.clear();
        Some(line)
    }
}

/// The commands of a Redis client: arrays of strings, or words in a line.
#[derive(Debug, Default)]
pub(super) struct Redis {
    lines: Lines,
    /// The strings of the command that are still to come.
    left: u64,
    /// The next string is the name of a command.
    names: bool,
    /// The next line is that string.
    text: bool,
}

impl Redis {
    pub(super) fn sent(&mut self, byte: u8, seen: &mut Seen) {
        let Some(line) = self.lines.take(byte) else { return };
        let number = |text: &str| text.parse::<u64>().unwrap_or_default();
        if std::mem::take(&mut self.text) {
            command(&line, seen);
        } else if self.left == 0 {
            match line.strip_prefix('*') {
                Some(count) => (self.left, self.names) = (number(count), true),
                None => command(line.split(' ').next().unwrap_or_default(), seen),
            }
        } else {
            self.left = self.left.saturating_sub(1);
            if std::mem::take(&mut self.names) {
                self.text = true;
            } else {
                self.lines.skip = number(line.trim_start_matches('$')).saturating_add(2);
            }
        }
    }
}

fn command(name: &str, seen: &mut Seen) {
    match name.to_ascii_uppercase().as_str() {
        "QUIT" => seen.goodbye = true,
        "SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE" | "MONITOR" => seen.subscribed = true,
        "UNSUBSCRIBE" | "PUNSUBSCRIBE" | "SUNSUBSCRIBE" | "RESET" => seen.subscribed = false,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::whole_and_in_parts;
    use crate::record::DependencyProtocol::Redis;

    #[test]
    fn quit_ends_a_connection_to_redis_and_subscriptions_are_told() {
        for (sent, seen) in [
            (&b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4\r\nQUIT\r\nPING QUIT\r\n"[..], (false, false, false)),
            // A value with the end of a line in it.
            (
                b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$14\r\n*1\r\n$4\r\nQUIT\r\n\r\n*1\r\n$4\r\nPING\r\n",
                (false, false, false),
            ),
            (b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nquit\r\n", (true, false, false)),
            (b"QUIT\r\n", (true, false, false)),
            (b"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n", (false, true, false)),
            (b"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n*1\r\n$11\r\nUNSUBSCRIBE\r\n", (false, false, false)),
            (b"\x16\x03\x01*1\r\n$4\r\nQUIT\r\n", (false, false, true)),
        ] {
            assert_eq!(whole_and_in_parts(Redis, sent), seen, "{}", String::from_utf8_lossy(sent));
        }
    }
}
