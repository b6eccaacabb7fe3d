//! Errors and panics of user code: boxed errors and futures, their messages, and a future that catches panics.

use std::any::Any;
use std::error::Error;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// The error of a component: any error that is [`Send`] and [`Sync`].
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A future on the heap.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pin_project! {
    /// Runs a future and catches its panics, including those of its destructor.
    pub(crate) struct Caught<F> {
        #[pin]
        future: Option<F>,
    }
}

impl<F> Caught<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future: Some(future) }
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut future = self.project().future;
        // Unwind safe: a future that has panicked is not polled again, only dropped.
        let polled = catch_unwind(AssertUnwindSafe(|| match future.as_mut().as_pin_mut() {
            Some(running) => running.poll(cx).map(|output| {
                future.set(None);
                output
            }),
            None => Poll::Pending,
        }));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// Returns the message of a panic. A payload that is not a string comes from `panic_any`.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "panic without a message".to_owned(),
    }
}

/// Joins the messages of an error and of its sources by `: `.
///
/// A message that is already part of the one before is omitted: errors of other crates often show their source in their text and
/// return it as well.
pub fn chain(error: &(dyn Error + 'static)) -> String {
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

/// Returns whether a text contains a message on word boundaries.
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

    impl Error for Levels {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|inner| inner as _)
        }
    }

    #[test]
    fn chain_omits_a_message_that_the_previous_one_contains() {
        for (levels, said) in [
            (&["ack the job", "refused"][..], "ack the job: refused"),
            (&["ack the job: refused", "refused"], "ack the job: refused"),
            (&["a: b: c; see there", "b: c", "c"], "a: b: c; see there"),
            (&["a", "b: c", "c"], "a: b: c"),
            (&["not now", "no"], "not now: no"),
            (&["it failed", ""], "it failed"),
            (&["no", "it failed", "no"], "no: it failed: no"),
        ] {
            let inner = |inner, message: &&'static str| Some(Box::new(Levels(message, inner)));
            let error = levels.iter().rev().fold(None, inner).expect("at least one level");
            assert_eq!(chain(&*error), said);
        }
    }

    struct Loud;

    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("in the destructor");
        }
    }

    #[tokio::test]
    async fn caught_returns_panics_of_the_future_and_of_its_destructor() {
        assert!(Caught::new(async { 7 }).await.is_ok_and(|seven| seven == 7));
        assert!(Caught::new(async { panic!("in the future") }).await.is_err());
        let loud = Loud;
        let dropped = async move {
            std::future::ready(()).await;
            let _held = &loud;
        };
        assert!(Caught::new(dropped).await.is_err());
    }
}
