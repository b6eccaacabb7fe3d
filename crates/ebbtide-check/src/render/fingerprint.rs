use crate::findings::Finding;
use crate::input::Sources;

/// Returns a number that stays the same while lines are added above a finding: of the rule, the file, the subject and the text at
/// the place.
pub(super) fn fingerprint(sources: &Sources, finding: &Finding) -> String {
    let place = finding.place();
    let name = place.map_or("", |place| sources.name(place));
    let text = place
        .and_then(|place| sources.get(place.source)?.text().get(place.start()..place.end()))
        .unwrap_or("");
    let parts = [finding.rule.id, name, &finding.subject, text];
    format!(
        "{:016x}",
        parts.into_iter().fold(OFFSET, |hash, part| hash_with(hash_with(hash, part.as_bytes()), &[0]))
    )
}

// FNV-1a: the standard library's hashes may change between releases.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

fn hash_with(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}
