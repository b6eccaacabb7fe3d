use std::collections::HashMap;

use crate::findings::Finding;
use crate::input::{Sources, plain_path};

/// Gives each finding a number that stays the same while lines are added above it: of the rule, the file, the subject and the text at
/// the place. Findings that have all of these in common are counted, so that each has its own.
pub(super) fn add(sources: &Sources, findings: &mut [Finding]) {
    let mut seen: HashMap<u64, u64> = HashMap::new();
    for finding in findings {
        let hash = of(sources, finding);
        let count = seen.entry(hash).or_default();
        let own = if *count == 0 { hash } else { hash_with(hash, &count.to_le_bytes()) };
        *count = count.saturating_add(1);
        finding.fingerprint = format!("{own:016x}");
    }
}

fn of(sources: &Sources, finding: &Finding) -> u64 {
    let place = finding.place();
    let path = place.map_or("", |place| plain_path(sources.name(place)));
    let text = place
        .and_then(|place| sources.get(place.source)?.text().get(place.start()..place.end()))
        .unwrap_or("");
    let parts = [finding.rule.id, path, &finding.subject, text];
    parts.into_iter().fold(OFFSET, |hash, part| hash_with(hash_with(hash, part.as_bytes()), &[0]))
}

// FNV-1a: the standard library's hashes may change between releases.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

fn hash_with(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}
