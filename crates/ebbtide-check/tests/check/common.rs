//! Checks of texts.

use ebbtide_check::render::{Look, text};
use ebbtide_check::{Example, Options, Report, Severity, Sources, check};

/// Checks one text.
pub(crate) fn check_text(name: &str, text: &str) -> Report {
    check_all(&[(name, text)])
}

/// Checks several texts together.
pub(crate) fn check_all(files: &[(&str, &str)]) -> Report {
    let mut sources = Sources::new();
    for (name, text) in files {
        sources.add(*name, *text);
    }
    check(sources, &Options::default())
}

/// Checks the files of an example.
pub(crate) fn check_example(files: &[Example]) -> Report {
    let files: Vec<_> = files.iter().map(|file| (file.name, file.text)).collect();
    check_all(&files)
}

/// Returns the whole output, infos too.
pub(crate) fn shown(report: &Report) -> String {
    text(report, Look { least: Severity::Info, ..Look::default() })
}

/// Returns the ids of the findings that are not suppressed.
pub(crate) fn ids(report: &Report) -> Vec<&'static str> {
    report.active().map(|finding| finding.rule.id).collect()
}
