//! Whether the service speaks the protocol of the load.

use std::time::Duration;

use super::place::first;
use super::probe::{Got, get};
use super::scenario::{LoadPlan, Protocol, ShapePlan};
use super::trouble::NotRehearsed;
use super::wire::Address;

/// Why a load cannot be sent to a service that is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NoProtocol {
    /// It speaks HTTP/1, and the load is HTTP/2.
    Http1,
}

impl NoProtocol {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Http1 => "answers HTTP/1, and not HTTP/2",
        }
    }

    /// Returns the advice for the user.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Http1 => {
                "without --http2 the load is HTTP/1; --http2 requires a service that accepts HTTP/2 without TLS and without an upgrade"
            }
        }
    }
}

/// The timeout of one request.
const TRY: Duration = Duration::from_secs(5);

/// Checks each address of `plan`, without a number: nothing of it is part of the load.
pub(super) async fn check(plan: &LoadPlan, home: &Address) -> Result<(), NotRehearsed> {
    if home.template.protocol == Protocol::Http1 {
        return Ok(());
    }
    let mut checked = Vec::new();
    for target in plan.shapes.iter().map(ShapePlan::route).map(|route| route.target.as_ref()) {
        if checked.contains(&target) {
            continue;
        }
        checked.push(target);
        let to = match target {
            Some(target) => first(target, &home.template).await?,
            None => home.clone(),
        };
        let why = match get(&to, "/", TRY).await {
            Got::NotHttp(b'H') => Some(NoProtocol::Http1),
            // A server may close a connection that begins with what it does not understand.
            Got::NotHttp(_) | Got::Nothing => match get(&to.over_http1(), "/", TRY).await {
                Got::Status(_) => Some(NoProtocol::Http1),
                _ => None,
            },
            Got::Status(_) | Got::Grpc | Got::Refused => None,
        };
        if let Some(why) = why {
            return Err(NotRehearsed::Protocol { at: to.authority, why });
        }
    }
    Ok(())
}
