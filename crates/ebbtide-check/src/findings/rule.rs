use std::fmt;

use super::{Finding, Severity};
use crate::model::Project;

/// A bad pattern that the check finds.
pub struct Rule {
    /// The stable id: `K001`.
    pub id: &'static str,
    /// A short name of the pattern: `budget-overrun`.
    pub name: &'static str,
    /// The highest severity of its findings.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub summary: &'static str,
    /// When it is found, why it is wrong and what is assumed, in Markdown.
    pub details: &'static str,
    /// Where the facts are from: files of public projects and documentation.
    pub sources: &'static [&'static str],
    /// Files in which it is found.
    pub bad: &'static [Example],
    /// The same files without it.
    pub good: &'static [Example],
    pub(crate) check: fn(&Project, &mut Vec<Finding>),
}

/// A file of an example.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The file's name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({} {})", self.id, self.name)
    }
}
