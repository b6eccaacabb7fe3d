//! Settings from environment variables, which override the code.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::{Budget, DurationError, LameDuck, parse_duration};

/// An invalid environment variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// A duration is invalid.
    #[error("invalid {name}")]
    Duration {
        /// The variable.
        name: &'static str,
        /// The cause.
        source: DurationError,
    },
    /// The lame duck is neither one duration nor MIN/QUIET/MAX, such as `5s/1s/15s`.
    #[error("invalid EBBTIDE_LAME_DUCK `{text}`: expected DURATION or MIN/QUIET/MAX")]
    LameDuck {
        /// The given text.
        text: String,
    },
    /// The format of the plan is neither `json` nor `text`.
    #[error("invalid EBBTIDE_PLAN `{text}`: expected `json` or `text`")]
    Plan {
        /// The given text.
        text: String,
    },
}

/// The settings from the environment other than the budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EnvironmentSettings {
    pub(crate) report_path: Option<PathBuf>,
    pub(super) plan: Option<PlanFormat>,
}

/// The output format of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlanFormat {
    Json,
    Text,
}

/// Applies `EBBTIDE_GRACE`, `EBBTIDE_MARGIN` and `EBBTIDE_LAME_DUCK` to the budget, and returns the other settings.
pub(crate) fn apply(
    budget: &mut Budget,
    var: impl Fn(&str) -> Option<String>,
) -> Result<EnvironmentSettings, EnvironmentError> {
    let duration = |name: &'static str| -> Result<Option<Duration>, EnvironmentError> {
        let Some(text) = var(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        parse_duration(&text).map(Some).map_err(|source| EnvironmentError::Duration { name, source })
    };
    if let Some(grace) = duration("EBBTIDE_GRACE")? {
        budget.grace = Some(grace);
    }
    if let Some(margin) = duration("EBBTIDE_MARGIN")? {
        budget.margin = Some(margin);
    }
    if let Some(text) = var("EBBTIDE_LAME_DUCK").filter(|text| !text.is_empty()) {
        budget.lame_duck = Some(lame_duck(&text)?);
    }
    let plan = match var("EBBTIDE_PLAN").as_deref() {
        None | Some("") => None,
        Some("json") => Some(PlanFormat::Json),
        Some("text") => Some(PlanFormat::Text),
        Some(text) => return Err(EnvironmentError::Plan { text: text.to_owned() }),
    };
    Ok(EnvironmentSettings { report_path: report_path(var), plan })
}

/// Returns the value of `EBBTIDE_REPORT`.
pub(super) fn report_path(var: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    var("EBBTIDE_REPORT").filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn lame_duck(text: &str) -> Result<LameDuck, EnvironmentError> {
    let read = |part: &str| {
        parse_duration(part)
            .map_err(|source| EnvironmentError::Duration { name: "EBBTIDE_LAME_DUCK", source })
    };
    match *text.split('/').collect::<Vec<_>>().as_slice() {
        [time] => Ok(LameDuck::exactly(read(time)?)),
        [min, quiet, max] => Ok(LameDuck { min: read(min)?, quiet: read(quiet)?, max: read(max)? }),
        _ => Err(EnvironmentError::LameDuck { text: text.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;
    use crate::model::Platform;

    fn applied(vars: &[(&str, &str)]) -> Result<(Budget, EnvironmentSettings), String> {
        let mut budget = Budget::of(Platform::Plain);
        let find = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let wishes = apply(&mut budget, find).map_err(|error| crate::util::chain(&error))?;
        Ok((budget, wishes))
    }

    #[test]
    fn the_environment_overrides_the_code() {
        let vars =
            [("EBBTIDE_GRACE", "60s"), ("EBBTIDE_LAME_DUCK", "5s/1s/15s"), ("EBBTIDE_REPORT", "/r.json")];
        let (budget, wishes) = applied(&vars).expect("understood");
        assert_eq!(budget.grace, Some(Duration::from_secs(60)));
        assert_eq!(budget.lame_duck.map(|duck| duck.max), Some(Duration::from_secs(15)));
        assert_eq!(wishes.report_path, Some(PathBuf::from("/r.json")));
    }

    #[test]
    fn an_invalid_setting_names_its_variable() {
        for (name, value) in [
            ("EBBTIDE_GRACE", "soon"),
            ("EBBTIDE_MARGIN", "-1"),
            ("EBBTIDE_LAME_DUCK", "1s/2s"),
            ("EBBTIDE_PLAN", "x"),
        ] {
            let error = applied(&[(name, value)]).expect_err("not understood");
            assert!(error.starts_with(&format!("invalid {name}")) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn error_texts_have_the_form() {
        let source = parse_duration("soon").expect_err("not a duration");
        error_form::walk! {
            EnvironmentError::Duration { .. } => EnvironmentError::Duration { name: "EBBTIDE_GRACE", source };
            EnvironmentError::LameDuck { .. } => EnvironmentError::LameDuck { text: "soon".to_owned() };
            EnvironmentError::Plan { .. } => EnvironmentError::Plan { text: "xml".to_owned() };
        }
    }
}
