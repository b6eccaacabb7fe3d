//! The scenario of a rehearsal: plain values, fixed before anything runs.

mod call;
mod defaults;
mod load;
mod plan;
mod route;
mod schema;
mod signal;
mod stop;
mod target;
mod template;
mod trust;
mod via;
mod when;

pub use call::{Call, CallKind};
pub use load::{Fitted, LoadPlan, SHORT_THINK, ShapePlan, Span};
pub use plan::{BoxFuture, ManagedService, Program, Ready, RunPlace, Scenario, ServiceStore, SetUp};
pub(crate) use route::ID;
pub use route::Route;
pub use schema::{BadCall, Known, Schema};
pub(crate) use schema::{DescribedMethod, service_and_method};
pub use signal::{BadSignal, StopSignal};
pub(crate) use signal::{is_crash, signal_name};
pub use stop::{Expected, StopPlan};
pub(crate) use stop::{run_seed, stop_moment};
pub use target::{BadTarget, Target, TargetAddress};
pub use template::{BadHeader, HostName, Protocol, RequestHeader, RequestTemplate};
pub(crate) use trust::TrustedCertificates;
pub use trust::{BadCertificates, Trust};
pub(crate) use via::filled;
pub use via::{BadVia, Via, ViaAtSignal, unknown_relay};
pub use when::{PreStop, SecondSignal, StopAt};
