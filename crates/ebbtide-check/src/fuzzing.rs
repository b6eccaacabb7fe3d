//! The entry point of the fuzz target (`fuzz/`): not part of the public API, and absent from all other builds.

use crate::render::{self, Look};
use crate::{Options, Report, Severity, Sources};

/// A name for each parser. The first byte of the data chooses one, by its remainder.
const NAMES: [&str; 8] =
    ["a.yaml", "a.json", "Dockerfile", "a.service", "a.tf", "fly.toml", "Procfile", "entrypoint.sh"];

/// Checks that any text of any format is checked and shown without a panic, and that each place is a part of the text.
///
/// # Panics
///
/// When it is not.
pub fn check(data: &[u8]) {
    if let Some(report) = report(data) {
        assert_places(&report);
        let look = Look { least: Severity::Info, ..Look::default() };
        let _ = (render::text(&report, look), render::sarif(&report));
    }
}

fn report(data: &[u8]) -> Option<Report> {
    let (format, text) = data.split_first()?;
    let name = NAMES.get(usize::from(*format) % NAMES.len())?;
    let mut sources = Sources::new();
    sources.add(*name, str::from_utf8(text).ok()?);
    Some(crate::check(sources, &Options::default()))
}

#[expect(clippy::panic, reason = "a fuzz target reports by a panic")]
fn assert_places(report: &Report) {
    let labels = report.findings.iter().flat_map(|finding| &finding.labels).map(|label| label.place);
    for place in labels.chain(report.problems.iter().filter_map(|problem| problem.place)) {
        let text = report.sources.get(place.source).map_or("", |source| source.text());
        if text.get(place.start()..place.end()).is_none() {
            panic!("{place:?} is no part of the text");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds/check");

    #[test]
    fn the_seeds_reach_every_format_and_have_findings() {
        let mut formats = [false; NAMES.len()];
        for entry in fs::read_dir(SEEDS).unwrap() {
            let path = entry.unwrap().path();
            let data = fs::read(&path).unwrap();
            check(&data);
            let report = report(&data).unwrap();
            let format = usize::from(data[0]) % NAMES.len();
            formats[format] = true;
            // A script has no finding of its own.
            let is_read = report.recognised == 1 && !report.findings.is_empty();
            assert!(is_read || NAMES[format] == "entrypoint.sh", "{}: {report:?}", path.display());
        }
        assert_eq!(formats, [true; NAMES.len()]);
    }

    #[test]
    fn every_begin_of_a_seed_is_read() {
        for entry in fs::read_dir(SEEDS).unwrap() {
            let data = fs::read(entry.unwrap().path()).unwrap();
            for end in (0..data.len()).step_by(11) {
                check(&data[..end]);
            }
        }
    }

    #[test]
    fn other_bytes_are_left_alone() {
        for data in [&b""[..], b"0", b"0\xff", b"\xff"] {
            check(data);
        }
    }
}
