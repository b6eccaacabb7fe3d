use std::time::Duration;

use serde::Deserialize;

use crate::input::Problem;
use crate::model::{Declared, Drain, Workload, seconds};

/// What a service built with Ebbtide prints for `EBBTIDE_PLAN=json`: how long its shutdown takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    workload: Option<String>,
    file: String,
    drain: Duration,
    lame_duck: Duration,
}

/// The text is not a plan.
#[derive(Debug, thiserror::Error)]
#[error("invalid plan {file}")]
pub struct InvalidPlan {
    file: String,
    source: serde_json::Error,
}

#[derive(Deserialize)]
struct Document {
    grace_ms: u64,
    deadline_ms: u64,
    lame_duck: LameDuck,
}

#[derive(Deserialize)]
struct LameDuck {
    min_ms: u64,
}

impl ServicePlan {
    /// Parses the text of a plan. `workload` is the name of the workload that it is of; without one the input must have a single
    /// workload that is not a batch job.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not the JSON of a plan.
    pub fn parse(workload: Option<&str>, file: &str, text: &str) -> Result<Self, InvalidPlan> {
        let document: Document =
            serde_json::from_str(text).map_err(|source| InvalidPlan { file: file.to_owned(), source })?;
        // The check adds a margin of its own, which the plan's deadline already leaves.
        let within = Duration::from_millis(document.grace_ms).saturating_sub(seconds(2));
        Ok(Self {
            workload: workload.map(str::to_owned),
            file: file.to_owned(),
            drain: Duration::from_millis(document.deadline_ms).min(within),
            lame_duck: Duration::from_millis(document.lame_duck.min_ms),
        })
    }

    /// Gives the times to the workloads that the plan is of. What a file declares takes precedence.
    pub(super) fn apply(&self, workloads: &mut [Workload]) -> Option<Problem> {
        let is_meant = |workload: &Workload| match &self.workload {
            Some(name) => workload.name == *name && !workload.containers.is_empty(),
            None => !workload.is_batch() && !workload.containers.is_empty(),
        };
        let count = workloads.iter().filter(|workload| is_meant(workload)).count();
        if count != 1 {
            let name = self.workload.as_deref().unwrap_or("a service");
            return Some(Problem::file(
                &*self.file,
                format!("plan of {name} matches {count} workloads: expected one"),
            ));
        }
        for workload in workloads.iter_mut().filter(|workload| is_meant(workload)) {
            let place = workload.place;
            workload.drain.get_or_insert_with(|| Drain {
                time: self.drain,
                from: format!("plan {}", self.file),
                place: None,
                is_declared: true,
            });
            if !self.lame_duck.is_zero() {
                workload.lame_duck.get_or_insert(Declared::Written(self.lame_duck, place));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            InvalidPlan { .. } => ServicePlan::parse(None, "plan.json", "{").err().unwrap();
        }
    }
}
