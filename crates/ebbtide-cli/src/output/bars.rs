//! Requests in flight over time, as a row of bars.

use ebbtide_rehearse::Bars;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The bars, and below them a line that points to the signal.
pub(super) fn rows(bars: &Bars) -> (String, String) {
    let most = bars.counts.iter().copied().max().unwrap_or_default().max(1);
    let row = bars.counts.iter().map(|count| match *count {
        0 => ' ',
        count => {
            let level = (count * LEVELS.len() as u64).div_ceil(most).saturating_sub(1);
            usize::try_from(level).ok().and_then(|level| LEVELS.get(level)).copied().unwrap_or('█')
        }
    });
    let signal = if bars.every_ms > 0.0 { (-bars.from_ms / bars.every_ms).round().max(0.0) } else { 0.0 };
    // A row has some sixty bars: the position fits.
    let pointer: String = std::iter::repeat_n(' ', signal as usize).chain(['^']).collect();
    (row.collect(), pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pointer_is_below_the_signal() {
        let bars = Bars { from_ms: -20.0, every_ms: 10.0, counts: vec![1, 8, 4, 0] };
        assert_eq!(rows(&bars), ("▁█▄ ".into(), "  ^".into()));
    }
}
