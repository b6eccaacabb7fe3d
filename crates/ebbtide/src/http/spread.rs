use std::time::Duration;

/// 2^64 divided by the golden ratio. Its multiples, modulo 2^64, lie evenly however many there are (Knuth, *The Art of
/// Computer Programming* 3, §6.4).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Returns the part of `whole` that falls to the one with this number, so that many numbers share it evenly.
pub(super) fn share(whole: Duration, number: u64) -> Duration {
    let fraction = number.wrapping_mul(GOLDEN) >> 32;
    let nanos = (whole.as_nanos() * u128::from(fraction)) >> 32;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_run_of_numbers_is_spread_evenly() {
        let whole = Duration::from_secs(10);
        for first in [0, 7, 1_000_000, u64::MAX - 50] {
            let mut tenths = [0; 10];
            for number in 0..1000_u64 {
                let share = share(whole, first.wrapping_add(number));
                assert!(share < whole);
                tenths[share.as_secs() as usize] += 1;
            }
            assert!(tenths.iter().all(|count| (95..=105).contains(count)), "{tenths:?}");
        }
    }

    #[test]
    fn nothing_is_shared_as_nothing() {
        assert_eq!(share(Duration::ZERO, 17), Duration::ZERO);
        assert!(share(Duration::MAX, 17) < Duration::MAX);
    }
}
