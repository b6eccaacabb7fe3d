//! A gRPC service with a call of each kind, for our server and for tonic's own.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use tonic::{Request, Response, Status, Streaming};

pub use generated::kinds_client::KindsClient;
pub use generated::kinds_server::{Kinds, KindsServer};

#[expect(
    unreachable_pub,
    unused_qualifications,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "written by tonic-build"
)]
mod generated {
    tonic::include_proto!("kinds.Kinds");
}

/// What every call takes and gives.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Number {
    /// The number.
    #[prost(uint64, tag = "1")]
    pub value: u64,
    /// How long each answer takes, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub ms: u64,
}

/// Answers every call; see its methods.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers;

type Numbers = Pin<Box<dyn Stream<Item = Result<Number, Status>> + Send>>;

#[tonic::async_trait]
impl Kinds for Answers {
    type CountStream = Numbers;
    type EchoStream = Numbers;

    /// Unary: gives twice the number.
    async fn double(&self, request: Request<Number>) -> Result<Response<Number>, Status> {
        let Number { value, ms } = request.into_inner();
        tracing::info!(value, "double");
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok(Response::new(Number { value: value * 2, ms }))
    }

    /// Server streaming: counts up to the number; without end for zero.
    async fn count(&self, request: Request<Number>) -> Result<Response<Numbers>, Status> {
        let Number { value: end, ms } = request.into_inner();
        let numbers = stream::unfold(1, move |value| async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            (end == 0 || value <= end).then_some((Ok(Number { value, ms }), value + 1))
        });
        Ok(Response::new(Box::pin(numbers)))
    }

    /// Client streaming: gives the sum.
    async fn sum(&self, request: Request<Streaming<Number>>) -> Result<Response<Number>, Status> {
        let mut numbers = request.into_inner();
        let mut value = 0;
        while let Some(number) = numbers.message().await? {
            tracing::info!(number.value, "sum");
            value += number.value;
        }
        Ok(Response::new(Number { value, ms: 0 }))
    }

    /// Both: gives back each number.
    async fn echo(&self, request: Request<Streaming<Number>>) -> Result<Response<Numbers>, Status> {
        Ok(Response::new(request.into_inner().boxed()))
    }
}
