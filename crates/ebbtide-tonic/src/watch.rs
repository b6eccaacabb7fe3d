use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ebbtide::adapter::BoxFuture;
use futures_core::Stream;
use tonic::Status;
use tonic_health::pb::HealthCheckResponse;
use tonic_health::pb::health_check_response::ServingStatus;

use super::GrpcHealth;
use super::health::response;

/// The status of a service, now and at each change, until the servers drain.
#[must_use = "a stream does nothing until it is polled"]
pub struct WatchStream {
    health: GrpcHealth,
    name: String,
    told: Option<ServingStatus>,
    next: Option<BoxFuture<Option<ServingStatus>>>,
    over: bool,
}

impl WatchStream {
    pub(super) fn new(health: GrpcHealth, name: String) -> Self {
        Self { health, name, told: None, next: None, over: false }
    }

    fn wait(&self, from: ServingStatus) -> BoxFuture<Option<ServingStatus>> {
        let (health, name) = (self.health.clone(), self.name.clone());
        Box::pin(async move { health.changed(&name, from).await })
    }
}

impl Stream for WatchStream {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let status = match self.told {
            None => Some(self.health.status(&self.name)),
            Some(told) => {
                let mut next = self.next.take().unwrap_or_else(|| self.wait(told));
                let polled = next.as_mut().poll(cx);
                if polled.is_pending() {
                    self.next = Some(next);
                }
                ready!(polled)
            }
        };
        match status {
            Some(status) => {
                self.told = Some(status);
                Poll::Ready(Some(Ok(response(status))))
            }
            None => {
                self.over = true;
                let status = Status::unavailable("the server is shutting down; watch another one");
                Poll::Ready(Some(Err(status)))
            }
        }
    }
}

impl fmt::Debug for WatchStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream")
            .field("name", &self.name)
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}
