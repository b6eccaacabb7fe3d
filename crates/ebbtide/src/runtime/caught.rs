use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// Runs a future and catches its panic, that of its destructor as well.
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
        // What the future leaves behind when it panics is never looked at again: it is only dropped.
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Loud;

    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("in the destructor");
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_result_wherever_it_comes_from() {
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
