use super::wire::{Choices, Sent, Wire};
use crate::http::conn::message::Message;

/// However a client's requests are cut into reads, and whenever they are answered: it is never said that nothing follows a
/// request when something does, and it is said where the request came by itself.
pub(crate) fn message(data: &[u8]) {
    let (first, second) = data.split_at(data.len() / 2);
    let wire = Wire::write(&mut Choices::new(first));
    Reading { wire, choices: Choices::new(second), message: Message::default(), handed: 0 }.read_all();
}

/// The server's side: what was handed to the parser, and what that makes of it.
struct Reading<'a> {
    wire: Wire,
    choices: Choices<'a>,
    message: Message,
    handed: usize,
}

/// A request that was begun.
struct Begun {
    number: usize,
    /// Whether its first byte was the first of a read, so that everything about it can be known.
    alone: bool,
}

impl Reading<'_> {
    fn read_all(mut self) {
        let (mut next, mut current) = (0, None::<Begun>);
        // Where the next request would begin if nothing of it had been handed over together with another.
        let mut clean_at = Some(0);
        while self.handed < self.wire.bytes.len() {
            let length = (1 + self.choices.next()).min(self.wire.bytes.len() - self.handed);
            let bytes = &self.wire.bytes[self.handed..self.handed + length];
            let whole = current.is_none().then(|| self.message.head(bytes));
            if whole.is_none() {
                self.message.more(bytes);
            }
            self.handed += length;
            if let (Some(whole), Some(sent)) = (whole, self.wire.requests.get(next))
                && is_alone(sent, clean_at)
            {
                assert_eq!(whole, self.handed >= sent.head_end, "{} of {:?}", self.handed, self.wire);
            }
            loop {
                if current.is_none()
                    && let Some(sent) = self.wire.requests.get(next)
                    && self.handed >= sent.head_end
                {
                    current = Some(Begun { number: next, alone: is_alone(sent, clean_at) });
                    next += 1;
                }
                let Some(begun) = &current else { break };
                self.judge(begun);
                let (end, framing) = {
                    let sent = &self.wire.requests[begun.number];
                    (sent.end, sent.framing)
                };
                // The answer may take its time.
                if self.handed < end || self.choices.next() % 4 == 3 {
                    break;
                }
                let next_began = self.message.ended(framing);
                let wrong = next_began && self.handed == end;
                assert!(!wrong || !begun.alone, "{} of {:?}", self.handed, self.wire);
                clean_at = (self.handed == end).then_some(end);
                current = None;
            }
        }
    }

    fn judge(&self, begun: &Begun) {
        let sent = &self.wire.requests[begun.number];
        let nothing_follows = self.message.nothing_follows(sent.framing);
        let something_follows = self.handed > sent.end;
        assert!(!(nothing_follows && something_follows), "{} of {:?}", self.handed, self.wire);
        assert!(nothing_follows || something_follows || !begun.alone, "{} of {:?}", self.handed, self.wire);
    }
}

fn is_alone(sent: &Sent, clean_at: Option<usize>) -> bool {
    clean_at == Some(sent.begin) && !sent.behind_empty_lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::on_seeds_and_at_random;

    #[test]
    fn nothing_follows_is_never_said_when_something_does() {
        on_seeds_and_at_random("message", message);
    }
}
