use std::collections::BTreeMap;
use std::time::Duration;

use super::form::Form;
use super::setting::Setting;
use crate::input::Place;
use crate::model::{Drain, Variable, Word, seconds};

/// How long an entry point serves open connections if nothing sets it.
const GRACE: Duration = seconds(10);

const ACCEPTS: &str = "requestAcceptGraceTimeout";
const GRACE_NAME: &str = "graceTimeOut";

/// The times of the entry points of Traefik.
#[derive(Default)]
pub(super) struct EntryPoints<'w> {
    all: BTreeMap<String, EntryPoint<'w>>,
}

/// What is set for one of them: the last value of each option.
#[derive(Default)]
struct EntryPoint<'w> {
    accepts: Option<Setting<'w>>,
    grace: Option<Setting<'w>>,
}

impl<'w> EntryPoints<'w> {
    /// Reads `--entryPoints.NAME.transport.lifeCycle.graceTimeOut=30s` and the time for which it accepts requests before that. Without such
    /// options Traefik reads variables.
    pub(super) fn read(words: &'w [Word], variables: &'w [Variable]) -> Self {
        let mut all = Self::default();
        for word in words {
            let Some((name, value)) = word.text.split_once('=') else { continue };
            let name = name.to_ascii_lowercase();
            let path = name.strip_prefix("--").map(|path| path.split('.').collect::<Vec<_>>());
            all.set(&path.unwrap_or_default(), Some(value), word.place);
        }
        if words.iter().any(|word| word.text.starts_with("--")) {
            return all;
        }
        for variable in variables {
            let name = variable.name.to_ascii_lowercase();
            let path = name.strip_prefix("traefik_").map(|path| path.split('_').collect::<Vec<_>>());
            all.set(&path.unwrap_or_default(), variable.value.as_deref(), variable.place);
        }
        all
    }

    fn set(&mut self, path: &[&str], value: Option<&'w str>, place: Place) {
        let &["entrypoints", name, "transport", "lifecycle", option] = path else { return };
        let setting = |name| Some(Setting { name, value, form: Form::Units, place });
        let point = self.all.entry(name.to_owned()).or_default();
        match option {
            "requestacceptgracetimeout" => point.accepts = setting(ACCEPTS),
            "gracetimeout" => point.grace = setting(GRACE_NAME),
            _ => {}
        }
    }

    pub(super) fn settings(&self) -> impl Iterator<Item = Setting<'w>> {
        self.all.values().flat_map(|point| [point.accepts, point.grace]).flatten()
    }

    /// Returns how long it accepts requests after the signal: the slowest entry point decides.
    pub(super) fn accepts(&self) -> Option<(Duration, Place)> {
        let known = self.all.values().filter_map(|point| point.accepts).filter_map(|setting| setting.drain());
        known.filter_map(|drain| Some((drain.time, drain.place?))).max_by_key(|(time, _)| *time)
    }

    /// Returns how long it takes to stop, if something sets that. A time that is the default in part is none that is declared.
    pub(super) fn drain(&self) -> Option<Option<Drain>> {
        self.settings().next()?;
        let all = self.all.values().filter_map(EntryPoint::drain);
        Some(all.max_by_key(|drain| (drain.is_declared, drain.time)))
    }
}

impl EntryPoint<'_> {
    fn drain(&self) -> Option<Drain> {
        let accepts = match &self.accepts {
            Some(setting) => Some(setting.drain()?),
            None => None,
        };
        match (&self.grace, accepts) {
            (Some(grace), None) => grace.drain(),
            (Some(grace), Some(accepts)) => {
                let own = grace.drain()?;
                let from = format!("{ACCEPTS} + {GRACE_NAME}");
                Some(Drain { time: own.time.saturating_add(accepts.time), from, ..own })
            }
            (None, Some(accepts)) => {
                let from = format!("{ACCEPTS} + default of {GRACE_NAME}");
                let time = accepts.time.saturating_add(GRACE);
                Some(Drain { time, from, is_declared: false, ..accepts })
            }
            (None, None) => None,
        }
    }
}
