use std::hash::{BuildHasher, RandomState};

/// Returns a number from 0 to below 1. The standard library's maps are seeded well enough for spreading things in time.
pub(crate) fn chance() -> f64 {
    let bits = RandomState::new().hash_one(0) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}
