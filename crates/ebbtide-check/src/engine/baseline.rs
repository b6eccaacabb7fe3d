use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::{Options, Report};
use crate::input::plain_path;
use crate::rules;

/// The version of the file. It is raised when fingerprints change.
const VERSION: u32 = 1;

/// Findings that were there when a project began to use the check, and that do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    entries: Vec<BaselineEntry>,
}

/// A finding of a baseline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "an object with a finding")]
pub struct BaselineEntry {
    /// The file.
    pub path: String,
    /// The id of the rule.
    pub rule: String,
    /// What the finding was about.
    pub subject: String,
    /// The number that identifies it while lines are added above it.
    pub fingerprint: String,
}

/// The text is not a baseline.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBaseline {
    /// It is not the JSON of one.
    #[error("invalid baseline {file}")]
    Syntax {
        /// The file's name.
        file: String,
        /// What is wrong, with its line and column.
        source: serde_json::Error,
    },
    /// It is of another version of the check.
    #[error("baseline {file} has version {version}: expected {VERSION}")]
    Version {
        /// The file's name.
        file: String,
        /// Its version.
        version: Number,
    },
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "an object with the findings of a baseline")]
struct Document {
    version: Number,
    findings: Vec<BaselineEntry>,
}

impl Baseline {
    /// Parses the text of a file.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not the JSON of a baseline, or of another version.
    pub fn parse(file: &str, text: &str) -> Result<Self, InvalidBaseline> {
        let document: Document = serde_json::from_str(text)
            .map_err(|source| InvalidBaseline::Syntax { file: file.to_owned(), source })?;
        let version = document.version;
        if version == Number::from(VERSION) {
            Ok(Self { entries: document.findings })
        } else {
            Err(InvalidBaseline::Version { file: file.to_owned(), version })
        }
    }

    /// Records the findings of a report that no file suppresses, infos too.
    pub fn of(report: &Report) -> Self {
        let findings = report.findings.iter().filter(|finding| finding.suppressed.is_none());
        let mut entries: Vec<BaselineEntry> = findings
            .map(|finding| BaselineEntry {
                path: finding.place().map_or("", |place| plain_path(report.sources.name(place))).to_owned(),
                rule: finding.rule.id.to_owned(),
                subject: finding.subject.clone(),
                fingerprint: finding.fingerprint.clone(),
            })
            .collect();
        entries.sort();
        Self { entries }
    }

    /// Returns the text of the file, which `parse` reads.
    pub fn text(&self) -> String {
        let document = Document { version: VERSION.into(), findings: self.entries.clone() };
        // Strings and numbers alone: there is nothing in it that cannot be written.
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Returns the number of findings.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether it has no findings.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Marks the findings of a report that are in the baseline, and notes the entries that are no longer found. An entry of a file
    /// that was not checked, or of a rule that did not run, is left alone.
    pub fn apply(&self, report: &mut Report, options: &Options) {
        let mut left: HashMap<&str, &BaselineEntry> =
            self.entries.iter().map(|entry| (entry.fingerprint.as_str(), entry)).collect();
        for finding in &mut report.findings {
            let is_present = left.remove(finding.fingerprint.as_str()).is_some();
            finding.is_in_baseline = is_present && finding.suppressed.is_none();
        }
        let names: Vec<&str> = report
            .sources
            .iter()
            .filter(|(_, source)| !source.is_neighbour())
            .map(|(_, source)| plain_path(source.name()))
            .collect();
        let was_checked = |entry: &BaselineEntry| {
            names.contains(&entry.path.as_str())
                && rules::find(&entry.rule).is_none_or(|rule| options.runs(rule))
        };
        report.stale = left.into_values().filter(|entry| was_checked(entry)).cloned().collect();
        report.stale.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            InvalidBaseline::Syntax { .. } => Baseline::parse("b.json", "{").unwrap_err();
            InvalidBaseline::Version { .. } =>
                Baseline::parse("b.json", "{\"version\": 9, \"findings\": []}").unwrap_err();
        }
    }
}
