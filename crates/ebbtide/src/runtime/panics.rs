use std::any::Any;

/// Returns the message of a panic; anything but a text was thrown by `panic_any`.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without a text".to_owned(),
    }
}

/// Joins an error and its sources by `: `. A message that its error says already is not repeated: errors of other crates often
/// show their source and return it as well.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut text = said.clone();
    let mut source = error.source();
    while let Some(inner) = source {
        let message = inner.to_string();
        if !message.is_empty() && !says(&said, &message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        said = message;
        source = inner.source();
    }
    text
}

/// Whether a text has a message in it, and not as a part of a word.
fn says(text: &str, message: &str) -> bool {
    let borders = |at: usize| {
        let (before, behind) = (&text[..at], &text[at + message.len()..]);
        let ends = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
        ends(before.chars().next_back()) && ends(behind.chars().next())
    };
    text.match_indices(message).any(|(at, _)| borders(at))
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    /// Messages, the outermost first; each error is the source of the one before.
    #[derive(Debug)]
    struct Levels(&'static str, Option<Box<Levels>>);

    impl fmt::Display for Levels {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl std::error::Error for Levels {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            self.1.as_deref().map(|inner| inner as _)
        }
    }

    #[test]
    fn a_message_that_was_said_is_not_said_again() {
        for (levels, said) in [
            (&["ack the job", "refused"][..], "ack the job: refused"),
            (&["ack the job: refused", "refused"], "ack the job: refused"),
            (&["a: b: c; see there", "b: c", "c"], "a: b: c; see there"),
            (&["a", "b: c", "c"], "a: b: c"),
            (&["not now", "no"], "not now: no"),
            (&["it failed", ""], "it failed"),
            (&["no", "it is over", "no"], "no: it is over: no"),
        ] {
            let inner = |inner, message: &&'static str| Some(Box::new(Levels(message, inner)));
            let error = levels.iter().rev().fold(None, inner).expect("there is one");
            assert_eq!(chain(&*error), said);
        }
    }
}
