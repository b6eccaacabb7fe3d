//! Whether the service speaks the protocol of the load.

use std::time::Duration;

use super::place::address_of;
use super::probe::{Got, get};
use super::scenario::{LoadPlan, Protocol};
use super::trouble::NotRehearsed;
use super::wire::{Address, TlsFailure};

/// Why a load cannot be sent to a service that is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NoProtocol {
    /// It speaks HTTP/1, and the load is HTTP/2.
    Http1,
    /// There is no TLS with it.
    Tls(TlsFailure),
}

impl NoProtocol {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Http1 | Self::Tls(TlsFailure::NotHttp2 | TlsFailure::NoProtocol) => {
                "answers HTTP/1, and not HTTP/2".to_owned()
            }
            Self::Tls(failure) => format!("cannot be loaded: {failure}"),
        }
    }

    /// Returns the advice for the user.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Http1 => {
                "--http2 and calls of gRPC require a service that accepts HTTP/2 without TLS and without an upgrade; without them the load is HTTP/1"
            }
            Self::Tls(TlsFailure::NotHttp2 | TlsFailure::NoProtocol) => {
                "--http2 and calls of gRPC require a service that selects h2 (ALPN); without them the load is HTTP/1"
            }
            Self::Tls(failure) => failure.hint(),
        }
    }
}

/// Returns whether a service that was taken for one without TLS speaks TLS.
pub(super) async fn speaks_tls(to: &Address) -> bool {
    let answered =
        |got| matches!(got, Got::Status(_) | Got::Grpc | Got::NotHttp(_) | Got::Tls(TlsFailure::NoProtocol));
    to.tls.is_none() && answered(get(&to.over_http1().over_any_tls(), "/", TRY).await)
}

/// The timeout of one request.
const TRY: Duration = Duration::from_secs(5);

/// Checks each address of `plan`, without a number: nothing of it is part of the load.
pub(super) async fn check(plan: &LoadPlan, home: &Address) -> Result<(), NotRehearsed> {
    let mut checked = Vec::new();
    for plan in plan.shapes.iter().filter(|plan| plan.is_http()) {
        let target = plan.route().target.as_ref();
        let is_http1 = home.template.protocol == Protocol::Http1 && !plan.is_call();
        if checked.contains(&(target, is_http1)) {
            continue;
        }
        checked.push((target, is_http1));
        let to = address_of(plan, home).await?;
        if is_http1 && (to.tls.is_none() || target.is_none()) {
            continue;
        }
        let why = match get(&to, "/", TRY).await {
            Got::NotHttp(b'H') if !is_http1 => Some(NoProtocol::Http1),
            // A server may close a connection that begins with what it does not understand.
            Got::NotHttp(_) | Got::Nothing if !is_http1 => match get(&to.over_http1(), "/", TRY).await {
                Got::Status(_) => Some(NoProtocol::Http1),
                _ => None,
            },
            Got::Tls(failure) => Some(NoProtocol::Tls(failure)),
            _ => None,
        };
        if let Some(why) = why {
            return Err(NotRehearsed::Protocol { at: to.authority, why });
        }
    }
    Ok(())
}
