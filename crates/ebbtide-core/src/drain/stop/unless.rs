use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::future::Reached;
use super::level::Level;
use super::token::Stop;
use crate::drain::held::Held;

pin_project! {
    /// Runs a future until a [`Stop`] is raised. Made by [`Stop::unless_stopping`] and [`Stop::unless_cancelled`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the future it runs.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide_core as ebbtide;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let stop = ebbtide::drain::Stop::never();
    /// assert_eq!(stop.unless_cancelled(async { 7 }).await, Some(7));
    /// # });
    /// ```
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Unless<'a, F> {
        reached: Reached<'a>,
        begun: bool,
        #[pin]
        future: F,
    }
}

impl<'a, F> Unless<'a, F> {
    pub(super) fn new(stop: &'a Stop, level: Level, future: F) -> Self {
        Self { reached: Reached::new(Held::Borrowed(stop), level), begun: false, future }
    }
}

impl<F: Future> Future for Unless<'_, F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if !*this.begun && this.reached.is_reached() {
            return Poll::Ready(None);
        }
        *this.begun = true;
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Some(output));
        }
        this.reached.poll(cx).map(|()| None)
    }
}
