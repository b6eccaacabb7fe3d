//! What keeps leases, whatever the handlers use up.

use ebbtide_nats::NatsQueue;

use super::place::Place;
use crate::blocked::{LEASE, blocked_threads};

blocked_threads!(
    Place::new().await,
    async |place: &Place| place.open_short(LEASE).await,
    async |queue: &NatsQueue| {
        for job in ["one", "two"] {
            queue.push(job).await.unwrap();
        }
    }
);
