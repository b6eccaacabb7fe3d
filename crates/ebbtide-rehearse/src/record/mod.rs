//! What happened in a run, event by event. Nothing here judges: `verdict` does, in one pure pass.

mod endpoint;
mod observed;
mod outcome;
mod relayed;
mod request;
mod request_ids;
mod run;
mod server;

pub(crate) use endpoint::UNIX;
pub use endpoint::{BadEndpoint, Endpoint};
pub use observed::{AcceptQueue, LeftFile, LeftKind, Observed, Resources, StackTraces, Usage};
pub use outcome::{Answer, Close, Digest, Framing, Outcome};
pub(crate) use outcome::{FIXED_FROM, Meaning, digest, is_usual_close, media_type};
pub(crate) use relayed::OwnerSeen;
pub use relayed::{
    ConnectionOwner, ConnectionSide, DependencyProtocol, RelayedConnection, RelayedDependency,
};
pub(crate) use request::REQUEST_ID;
pub use request::{Phase, Progress, Request, Shape};
pub use request_ids::LoggedIds;
pub(crate) use request_ids::{LOGGED_ID, NUMBER_LENGTH, RequestIds};
pub use run::{
    Database, Ended, HeldConnection, JobsLeft, OrderStore, Orphan, PreStopEnd, PreStopRun, ReadySample,
    ReadyState, Record, Session, SignalState, Store, Traffic,
};
pub(crate) use run::{NO_MESSAGE_WITH_MS, NO_POST_ROUTE, NO_ROUTE_WITH_MS, POLL_LIMIT};
pub use server::{Recognised, ServerKind};
