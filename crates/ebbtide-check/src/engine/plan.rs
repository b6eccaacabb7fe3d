use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use super::check::takes_precedence;
use crate::input::{Problem, Sources};
use crate::model::{Declared, Drain, Workload, seconds};

/// What a service built with Ebbtide prints for `EBBTIDE_PLAN=json`: how long its shutdown takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    workload: Option<String>,
    file: String,
    times: PlanTimes,
}

/// The longest time that a plan has: thirty years, which mean no limit, as in the library.
const LONGEST: Duration = seconds(30 * 365 * 86_400);

/// The most names of workloads that a message lists.
const MAX_NAMES: usize = 10;

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

    /// Checks the order of the times: no stage ends after the next one, and the last one before the deadline. A time that is zero only by the
    /// rounding to milliseconds keeps the order.
    fn possible(&self, file: &str) -> Result<(), InvalidPlan> {
        let order = [
            ("lame_duck.min_ms", self.lame_duck.min),
            ("lame_duck.max_ms", self.lame_duck.max),
            ("servers_end_ms", self.servers_end),
            ("workers_end_ms", self.workers_end),
            ("resources_end_ms", self.resources_end),
            ("telemetry_end_ms", self.telemetry_end),
            ("deadline_ms", self.deadline),
            ("grace_ms", self.grace),
        ];
        let later = order.iter().skip(1);
        let beyond = order.iter().zip(later).find(|((_, time), (_, limit))| time > limit);
        let deadline = ("grace_ms - margin_ms", self.grace.saturating_sub(self.margin));
        let longest = [
            (("lame_duck.quiet_ms", self.lame_duck.quiet), ("the maximum of", LONGEST)),
            (("grace_ms", self.grace), ("the maximum of", LONGEST)),
            (("margin_ms", self.margin), ("grace_ms", self.grace)),
            (("deadline_ms", self.deadline), deadline),
        ];
        let beyond = beyond.map(|(time, limit)| (*time, *limit));
        let beyond = beyond.or_else(|| longest.into_iter().find(|((_, time), (_, limit))| time > limit));
        match beyond {
            None => Ok(()),
            Some(((field, time), (limit, most))) => {
                Err(InvalidPlan::Impossible { file: file.to_owned(), field, time, limit, most })
            }
        }
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
    /// A time of it comes after another one that it cannot come after.
    #[error("invalid plan {file}: {field} {} ms exceeds {limit} {} ms", time.as_millis(), most.as_millis())]
    Impossible {
        /// The file's name.
        file: String,
        /// The field that is too long.
        field: &'static str,
        /// Its time.
        time: Duration,
        /// What it cannot exceed: another field, or `the maximum of`.
        limit: &'static str,
        /// The time of that.
        most: Duration,
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
    /// Returns an error if the text is not the JSON of a plan, or if its times contradict each other.
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
        times.possible(file)?;
        Ok(Self { workload: workload.map(str::to_owned), file: file.to_owned(), times })
    }

    pub(crate) fn times(&self) -> &PlanTimes {
        &self.times
    }

    /// Gives the times to the workload that the plan is of. They take precedence over what a file declares; what is longer there is noted.
    pub(super) fn apply(&self, workloads: &mut [Workload], sources: &Sources) -> Option<Problem> {
        let is_meant = |workload: &Workload| match &self.workload {
            Some(name) => workload.is_named(name) && !workload.containers.is_empty(),
            None => !workload.is_batch() && !workload.containers.is_empty(),
        };
        let count = workloads.iter().filter(|workload| is_meant(workload)).count();
        if count != 1 {
            let name = self.workload.as_deref().unwrap_or("a service");
            let all: BTreeSet<&str> = workloads.iter().map(|workload| &*workload.name).collect();
            let all = all.into_iter().take(MAX_NAMES).collect::<Vec<_>>().join(", ");
            let seen = if all.is_empty() { "no workload".to_owned() } else { all };
            return Some(Problem::file(
                &*self.file,
                format!("plan of {name} matches {count} workloads: expected one; the input has {seen}"),
            ));
        }
        let workload = workloads.iter_mut().find(|workload| is_meant(workload))?;
        let from = format!("--plan {}", self.file);
        let drain = Drain { time: self.times.drain(), from, place: None, is_declared: true };
        let lame_duck = Declared::Written(self.times.lame_duck.min, workload.place);
        let declared = workload.drain.replace(drain.clone()).or(workload.file_drain.take());
        workload.lame_duck = Some(lame_duck.clone());
        let program = workload.program().map(|program| program.place);
        // A service of ECS has copies of the containers of its task.
        let services = workloads.iter_mut().filter_map(|workload| workload.service.as_mut());
        let copies = services.flat_map(|service| &mut service.containers);
        for copy in copies.filter(|copy| Some(copy.place) == program) {
            (copy.drain, copy.lame_duck) = (Some(drain.clone()), Some(lame_duck.clone()));
        }
        takes_precedence(&drain, &declared?, sources)
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
            InvalidPlan::Impossible { .. } => ServicePlan::parse(None, "plan.json", &plan(&[("grace_ms", 3)])).err().unwrap();
        }
    }

    /// A plan of 30 s with other times for some fields.
    fn plan(other: &[(&str, u64)]) -> String {
        let field = |name: &str, time: u64| {
            let changed = other.iter().find(|(field, _)| *field == name);
            format!("\"{name}\": {}", changed.map_or(time, |(_, time)| *time))
        };
        let fields = [
            ("grace_ms", 30_000),
            ("margin_ms", 5000),
            ("deadline_ms", 25_000),
            ("servers_end_ms", 21_000),
            ("workers_end_ms", 22_000),
            ("resources_end_ms", 23_000),
            ("telemetry_end_ms", 24_500),
        ];
        let fields = fields.map(|(name, time)| field(name, time)).join(", ");
        let duck = [("min_ms", 5000), ("quiet_ms", 1000), ("max_ms", 15_000)];
        let duck = duck.map(|(name, time)| field(name, time)).join(", ");
        format!("{{{fields}, \"lame_duck\": {{{duck}}}}}")
    }

    /// Each bound is tried at its last possible time and one millisecond later.
    #[test]
    fn a_plan_whose_times_contradict_each_other_is_refused() {
        for (field, last, limit) in [
            ("min_ms", 15_000, "lame_duck.max_ms 15000 ms"),
            ("max_ms", 21_000, "servers_end_ms 21000 ms"),
            ("servers_end_ms", 22_000, "workers_end_ms 22000 ms"),
            ("workers_end_ms", 23_000, "resources_end_ms 23000 ms"),
            ("resources_end_ms", 24_500, "telemetry_end_ms 24500 ms"),
            ("telemetry_end_ms", 25_000, "deadline_ms 25000 ms"),
            ("quiet_ms", 946_080_000_000, "the maximum of 946080000000 ms"),
            ("grace_ms", 946_080_000_000, "the maximum of 946080000000 ms"),
        ] {
            let parse = |time| ServicePlan::parse(None, "plan.json", &plan(&[(field, time)]));
            assert!(parse(last).is_ok(), "{field}: {:?}", parse(last));
            let error = parse(last + 1).unwrap_err().to_string();
            let own = format!("{field} {} ms exceeds {limit}", last + 1);
            assert!(error.starts_with("invalid plan plan.json: ") && error.contains(&own), "{error}");
        }
        for (other, expected) in [
            (&[("grace_ms", 24_999)][..], "deadline_ms 25000 ms exceeds grace_ms 24999 ms"),
            (&[("margin_ms", 5001)], "deadline_ms 25000 ms exceeds grace_ms - margin_ms 24999 ms"),
            (&[("margin_ms", u64::MAX)], "margin_ms 18446744073709551615 ms exceeds grace_ms 30000 ms"),
            (
                &[("grace_ms", u64::MAX)],
                "grace_ms 18446744073709551615 ms exceeds the maximum of 946080000000 ms",
            ),
        ] {
            let error = ServicePlan::parse(None, "plan.json", &plan(other)).unwrap_err().to_string();
            assert_eq!(error, format!("invalid plan plan.json: {expected}"));
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
