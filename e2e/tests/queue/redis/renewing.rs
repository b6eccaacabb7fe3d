//! What keeps leases, whatever the handlers use up.

use ebbtide_redis::RedisQueue;

use super::place::Place;
use crate::blocked::{LEASE, blocked_threads};

blocked_threads!(
    Place::new(),
    async |place: &Place| place.open_short(LEASE).await,
    async |queue: &RedisQueue| {
        for job in ["one", "two"] {
            queue.push(job).await.unwrap();
        }
    }
);
