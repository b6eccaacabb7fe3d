//! Waiting until the service is ready.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::address::taken;
use super::child::{Service, tail};
use super::place::Place;
use super::probe::{Got, get};
use super::trouble::NotRehearsed;

/// The time between two looks.
const EVERY: Duration = Duration::from_millis(10);
/// How long one look may take.
const LOOK: Duration = Duration::from_secs(2);
/// How many lines of the service's output help to understand why it is not ready.
pub(super) const TAIL: usize = 20;

/// Waits until the service is ready at one of `addresses`, and says at which.
pub(super) async fn ready(
    service: &mut Service,
    place: &Place,
    addresses: &[SocketAddr],
    limit: Duration,
) -> Result<SocketAddr, NotRehearsed> {
    let log = service.log().to_owned();
    let mut seen = String::from("nobody listened");
    let looking = async {
        loop {
            for address in addresses {
                match look(place, *address).await {
                    Ok(()) => return *address,
                    Err(Some(what)) => seen = what,
                    Err(None) => {}
                }
            }
            sleep(EVERY).await;
        }
    };
    let found = tokio::select! {
        found = timeout(limit, looking) => found,
        ended = service.ended() => {
            let (when, (_, ended)) = ("before it was ready", ended?);
            return Err(NotRehearsed::EndedEarly { when, ended, tail: tail(&log, TAIL) });
        }
    };
    found.map_err(|_| NotRehearsed::NeverReady { limit, seen, tail: tail(&log, TAIL) })
}

/// One look; an error says what was seen instead, `None` that nobody listens.
async fn look(place: &Place, address: SocketAddr) -> Result<(), Option<String>> {
    let Some(path) = &place.ready_path else {
        return if taken(address).await { Ok(()) } else { Err(None) };
    };
    match get(address, &place.target.authority(), path, LOOK).await {
        Got::Status(200..=299) => Ok(()),
        Got::Status(status) => Err(Some(format!("{path} answered {status}"))),
        Got::Nothing => Err(Some(format!("{path} gave no answer"))),
        Got::Refused => Err(None),
    }
}
