//! Waits until the service is ready.

use std::io;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::child::{Service, listeners, remaining, tail};
use super::clock::{At, Clock};
use super::place::{Place, taken};
use super::probe::{Got, get};
use super::protocol::speaks_tls;
use super::record::Endpoint;
use super::scenario::Protocol;
use super::trouble::NotRehearsed;
use super::unready::{Unready, UnreadyAnswer};
use super::wire::{Address, TlsFailure, connect};

/// The interval between two polls.
const EVERY: Duration = Duration::from_millis(10);
/// The timeout of one poll.
const LOOK: Duration = Duration::from_secs(2);
/// How long a certificate that is not accepted is asked for again: a service may begin with a provisional one.
const PROVISIONAL: Duration = Duration::from_secs(1);
/// How many lines of the service's output an error shows.
pub(super) const TAIL: usize = 20;

/// Waits until the service is ready at one of `addresses`, and returns that address with the protocol that readiness has. The
/// readiness path of a service with HTTP/2 may be HTTP/1, as for the kubelet.
pub(super) async fn ready(
    service: &mut Service,
    place: &Place,
    addresses: &[Endpoint],
    limit: Duration,
) -> Result<Address, NotRehearsed> {
    let log = service.log().to_owned();
    let mut seen = Unready::NothingListened;
    let looking = async {
        let mut untrusted_since = None;
        loop {
            let (mut is_untrusted, mut is_other) = (false, false);
            for address in addresses {
                let to = place.address(address.clone());
                let mut protocols = vec![to.over_http1()];
                if to.template.protocol != Protocol::Http1 {
                    protocols.push(to);
                }
                for to in protocols {
                    match look(place, &to).await {
                        Ok(()) => return Some(to),
                        Err(Some(what)) => {
                            let is_it = is_of_certificate(&what);
                            (is_untrusted, is_other) = (is_untrusted || is_it, is_other || !is_it);
                            seen = what;
                        }
                        Err(None) => {}
                    }
                }
            }
            if !is_untrusted || is_other {
                untrusted_since = None;
            } else if untrusted_since.get_or_insert_with(Clock::start).now().since(At::default())
                >= PROVISIONAL
            {
                return None;
            }
            sleep(EVERY).await;
        }
    };
    let found = tokio::select! {
        found = timeout(limit, looking) => found,
        ended = service.ended() => {
            let (when, (_, ended)) = ("before it was ready", ended?);
            let left = remaining(service.family()).await;
            return Err(NotRehearsed::EndedEarly { when, ended, left, tail: tail(&log, TAIL) });
        }
    };
    match found {
        Ok(Some(found)) => return Ok(found),
        Ok(None) => return Err(NotRehearsed::Untrusted { seen, tail: tail(&log, TAIL) }),
        Err(_) => {}
    }
    if let [address @ Endpoint::Unix(_)] = addresses
        && seen == Unready::NothingListened
    {
        seen = no_socket(address).await;
    }
    // A server with TLS answers plain bytes with 400, or closes the connection, if not with an alert.
    if matches!(&seen, Unready::Requested { got: UnreadyAnswer::Nothing | UnreadyAnswer::Status(400), .. })
        && let Some(path) = &place.ready_path
    {
        for address in addresses {
            if speaks_tls(&place.address(address.clone())).await {
                seen = Unready::Requested { path: path.clone(), got: UnreadyAnswer::Tls };
            }
        }
    }
    let listens = listeners(service.family());
    Err(NotRehearsed::NeverReady { limit, seen, listens, tail: tail(&log, TAIL) })
}

/// Whether the certificate is not accepted: waiting for another answer is of no use.
fn is_of_certificate(seen: &Unready) -> bool {
    matches!(seen, Unready::Requested { got: UnreadyAnswer::Handshake(failure), .. } if failure.is_of_certificate())
}

/// Returns why a Unix socket cannot be connected to.
async fn no_socket(address: &Endpoint) -> Unready {
    match timeout(LOOK, connect(address)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Unready::NoSocket,
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => Unready::Denied,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Unready::Stale,
        _ => Unready::NothingListened,
    }
}

/// Polls once. An error describes the result; `None` means that the connection was refused.
async fn look(place: &Place, to: &Address) -> Result<(), Option<Unready>> {
    let Some(path) = &place.ready_path else {
        return if taken(&to.socket).await { Ok(()) } else { Err(None) };
    };
    let got = match get(to, path, LOOK).await {
        got if got.is_ready() => return Ok(()),
        Got::Refused => return Err(None),
        Got::Status(status) => UnreadyAnswer::Status(status),
        Got::Grpc => UnreadyAnswer::Grpc,
        // A server without TLS may wait for the end of a line, or close the connection.
        Got::Nothing | Got::Tls(TlsFailure::Handshake)
            if to.tls.is_some() && matches!(get(&to.without_tls(), path, LOOK).await, Got::Status(_)) =>
        {
            UnreadyAnswer::Handshake(TlsFailure::NotTls)
        }
        Got::Tls(failure) => UnreadyAnswer::Handshake(failure),
        // Without permission to connect, nothing is known of the listener.
        Got::Nothing if matches!(no_socket(&to.socket).await, Unready::Denied) => return Err(None),
        Got::Nothing => UnreadyAnswer::Nothing,
        // TLS begins with the number of a record type, HTTP/2 with a length of three bytes.
        Got::NotHttp(0x15 | 0x16) => UnreadyAnswer::Tls,
        Got::NotHttp(0x00) => UnreadyAnswer::Http2,
        Got::NotHttp(_) => UnreadyAnswer::NotHttp,
    };
    Err(Some(Unready::Requested { path: path.clone(), got }))
}
