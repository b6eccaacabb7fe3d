use super::BaselineEntry;
use crate::findings::{Finding, Severity};
use crate::input::{Problem, Sources};

/// What a check found.
#[derive(Debug)]
pub struct Report {
    /// The texts that the places of the findings are in.
    pub sources: Sources,
    /// The findings in the order of their places, suppressed ones too.
    pub findings: Vec<Finding>,
    /// The files, or parts of files, that were not checked.
    pub problems: Vec<Problem>,
    /// The entries of the baseline that are no longer found.
    pub stale: Vec<BaselineEntry>,
    /// How many workloads were checked.
    pub workloads: usize,
    /// How many files were recognised as deployment files.
    pub recognised: usize,
}

/// How many findings there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Infos.
    pub infos: usize,
    /// Findings that a file suppresses, of any severity.
    pub suppressed: usize,
    /// Findings that the baseline has, of any severity.
    pub in_baseline: usize,
}

impl Report {
    /// Counts the findings.
    pub fn counts(&self) -> Counts {
        let count = |severity| self.active().filter(|finding| finding.severity == severity).count();
        Counts {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            infos: count(Severity::Info),
            suppressed: self.findings.iter().filter(|finding| finding.suppressed.is_some()).count(),
            in_baseline: self.findings.iter().filter(|finding| finding.is_in_baseline).count(),
        }
    }

    /// Returns the findings that count: those that are neither suppressed nor in the baseline.
    pub fn active(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.suppressed.is_none() && !finding.is_in_baseline)
    }

    /// Returns whether a finding is at least this severe.
    pub fn fails_at(&self, severity: Severity) -> bool {
        self.active().any(|finding| finding.severity >= severity)
    }

    /// Returns whether a file could not be checked.
    pub fn is_incomplete(&self) -> bool {
        self.problems.iter().any(|problem| problem.is_failure)
    }
}
