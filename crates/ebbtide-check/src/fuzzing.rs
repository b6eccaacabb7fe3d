//! The entry point of the fuzz target (`fuzz/`): not part of the public API, and absent from all other builds.

use crate::render::{self, Look};
use crate::{Options, Report, Severity, Sources};

/// A format, the name under which a text of it is read, and the files beside it.
type Format = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The formats.
const FORMATS: [Format; 21] = [
    ("bake", "docker-bake.hcl", BUILT),
    ("cloud-run", "service.yaml", &[]),
    ("cloudformation", "template.yaml", &[]),
    ("compose", "compose.yaml", &[]),
    ("container-apps", "app.yaml", &[]),
    ("dockerfile", "Dockerfile", &[]),
    ("ecs", "task.json", &[]),
    ("fly", "fly.toml", &[]),
    ("kamal", "config/deploy.yml", &[]),
    ("kube", "shop.yaml", UNIT),
    ("kubernetes", "manifest.yaml", &[]),
    ("nomad", "shop.nomad.hcl", &[]),
    ("nomad-json", "job.json", &[]),
    ("plan", "plan.json", &[]),
    ("procfile", "Procfile", &[]),
    ("quadlet", "shop.container", &[]),
    ("render", "render.yaml", &[]),
    ("script", "entrypoint.sh", IMAGE),
    ("skaffold", "skaffold.yaml", BUILT),
    ("systemd", "shop.service", &[]),
    ("terraform", "main.tf", &[]),
];

/// The image whose entry point a script is.
const IMAGE: &[(&str, &str)] =
    &[("Dockerfile", "FROM debian:12\nCOPY entrypoint.sh /\nENTRYPOINT [\"/entrypoint.sh\"]\n")];

/// The unit that runs the pods of a file.
const UNIT: &[(&str, &str)] = &[("shop.kube", "[Kube]\nYaml=shop.yaml\nKubeDownForce=true\n")];

/// A Dockerfile, and a pod that runs its image.
const BUILT: &[(&str, &str)] = &[
    ("Dockerfile", "FROM debian:12 AS app\nENV EBBTIDE_GRACE=60s\nCMD api --port 80\n"),
    (
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: shop/api}]}\n",
    ),
];

/// Checks that any text under the name of a format is checked and shown without a panic, and that each place is a part of the text.
///
/// # Panics
///
/// When it is not, and when there is no such format.
pub fn check(format: &str, data: &[u8]) {
    if let Some(report) = report(format, data) {
        assert_places(&report);
        let look = Look { least: Severity::Info, ..Look::default() };
        // Without the descriptions of the rules, which are the same whatever the text is, and take six times as long as all the rest.
        let _ = (render::text(&report, look), render::sarif_results(&report));
    }
}

#[expect(clippy::panic, reason = "a fuzz target reports by a panic")]
fn report(format: &str, data: &[u8]) -> Option<Report> {
    let Some((_, name, beside)) = FORMATS.iter().find(|(known, ..)| *known == format) else {
        panic!("no format `{format}`");
    };
    let mut sources = Sources::new();
    sources.add(*name, str::from_utf8(data).ok()?);
    for (name, text) in *beside {
        sources.add(*name, *text);
    }
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
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds/check");

    /// Returns the seeds with the names of their formats.
    fn seeds() -> Vec<(String, Vec<u8>)> {
        let mut seeds = Vec::new();
        for folder in fs::read_dir(SEEDS).unwrap().map(Result::unwrap) {
            let format = folder.file_name().into_string().unwrap();
            for file in fs::read_dir(folder.path()).unwrap() {
                seeds.push((format.clone(), fs::read(file.unwrap().path()).unwrap()));
            }
        }
        seeds
    }

    #[test]
    fn the_seeds_reach_every_format_and_have_findings() {
        let seeds = seeds();
        for (format, data) in &seeds {
            check(format, data);
            let report = report(format, data).unwrap();
            assert!(!report.findings.is_empty(), "{format}: {report:?}");
        }
        let formats: BTreeSet<&str> = seeds.iter().map(|(format, _)| &**format).collect();
        assert_eq!(formats, FORMATS.map(|(format, ..)| format).into());
    }

    #[test]
    fn every_begin_of_a_seed_is_read() {
        for (format, data) in seeds() {
            for end in (0..data.len()).step_by(11) {
                check(&format, &data[..end]);
            }
        }
    }

    #[test]
    fn other_bytes_are_left_alone() {
        for (format, ..) in FORMATS {
            for data in [&b""[..], b"0", b"0\xff", b"\xff"] {
                check(format, data);
            }
        }
    }
}
