use std::fmt;
use std::time::Duration;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use crate::input::Problem;
use crate::model::{Declared, Drain, Workload, seconds};

/// What a service built with Ebbtide prints for `EBBTIDE_PLAN=json`: how long its shutdown takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    workload: Option<String>,
    file: String,
    times: PlanTimes,
}

/// The times of a plan, from the stop signal on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlanTimes {
    pub(crate) grace: Duration,
    pub(crate) margin: Duration,
    pub(crate) deadline: Duration,
    pub(crate) lame_duck: LameDuckTimes,
    pub(crate) servers_end: Duration,
    pub(crate) workers_end: Duration,
    pub(crate) resources_end: Duration,
    pub(crate) telemetry_end: Duration,
}

/// How long a service serves new requests after the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LameDuckTimes {
    pub(crate) min: Duration,
    pub(crate) quiet: Duration,
    pub(crate) max: Duration,
}

impl PlanTimes {
    /// Returns the time that the check adds its margin to. The plan's deadline already leaves one.
    pub(crate) fn drain(&self) -> Duration {
        self.deadline.min(self.grace.saturating_sub(seconds(2)))
    }
}

/// The text is not a plan.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPlan {
    /// There is no text: the service printed nothing.
    #[error("no plan in {file}: it is empty")]
    Empty {
        /// The file's name.
        file: String,
    },
    /// It is not the JSON of one.
    #[error("invalid plan {file}")]
    Syntax {
        /// The file's name.
        file: String,
        /// What is wrong, with its line and column.
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
#[serde(expecting = "an object with the times of a plan")]
struct Document {
    grace_ms: Millis,
    margin_ms: Millis,
    deadline_ms: Millis,
    lame_duck: LameDuck,
    servers_end_ms: Millis,
    workers_end_ms: Millis,
    resources_end_ms: Millis,
    telemetry_end_ms: Millis,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with the times of the lame duck")]
struct LameDuck {
    min_ms: Millis,
    quiet_ms: Millis,
    max_ms: Millis,
}

/// A time, whose errors are in the words of users.
struct Millis(Duration);

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;

        impl Visitor<'_> for Whole {
            type Value = Millis;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of milliseconds")
            }

            fn visit_u64<E>(self, millis: u64) -> Result<Millis, E> {
                Ok(Millis(Duration::from_millis(millis)))
            }
        }

        deserializer.deserialize_u64(Whole)
    }
}

impl ServicePlan {
    /// Parses the text of a plan. `workload` is the name of the workload that it is of; without one the input must have a single
    /// workload that is not a batch job.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not the JSON of a plan.
    pub fn parse(workload: Option<&str>, file: &str, text: &str) -> Result<Self, InvalidPlan> {
        if text.trim().is_empty() {
            return Err(InvalidPlan::Empty { file: file.to_owned() });
        }
        let document: Document = serde_json::from_str(text)
            .map_err(|source| InvalidPlan::Syntax { file: file.to_owned(), source })?;
        let LameDuck { min_ms, quiet_ms, max_ms } = document.lame_duck;
        let time = |Millis(time): Millis| time;
        let times = PlanTimes {
            grace: time(document.grace_ms),
            margin: time(document.margin_ms),
            deadline: time(document.deadline_ms),
            lame_duck: LameDuckTimes { min: time(min_ms), quiet: time(quiet_ms), max: time(max_ms) },
            servers_end: time(document.servers_end_ms),
            workers_end: time(document.workers_end_ms),
            resources_end: time(document.resources_end_ms),
            telemetry_end: time(document.telemetry_end_ms),
        };
        Ok(Self { workload: workload.map(str::to_owned), file: file.to_owned(), times })
    }

    pub(crate) fn times(&self) -> &PlanTimes {
        &self.times
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
                time: self.times.drain(),
                from: format!("plan {}", self.file),
                place: None,
                is_declared: true,
            });
            let lame_duck = self.times.lame_duck.min;
            if !lame_duck.is_zero() {
                workload.lame_duck.get_or_insert(Declared::Written(lame_duck, place));
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
            InvalidPlan::Empty { .. } => ServicePlan::parse(None, "plan.json", "\n").err().unwrap();
            InvalidPlan::Syntax { .. } => ServicePlan::parse(None, "plan.json", "{").err().unwrap();
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_names_of_types() {
        for (text, expected) in [
            ("[]", "expected an object with the times of a plan"),
            ("3", "expected an object with the times of a plan"),
            ("{\"grace_ms\": \"30s\"}", "expected a whole number of milliseconds"),
            ("{\"grace_ms\": -1}", "expected a whole number of milliseconds"),
            ("{\"grace_ms\": 1.5}", "expected a whole number of milliseconds"),
            ("{\"lame_duck\": 3}", "expected an object with the times of the lame duck"),
            ("{}", "missing field `grace_ms`"),
        ] {
            let error = ServicePlan::parse(None, "plan.json", text).err().unwrap();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains(expected), "{text}: {source}");
        }
    }
}
