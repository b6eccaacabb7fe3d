use std::time::Duration;

use super::runs::what_runs;
use super::runtime::Runtime;
use super::servers::{may_be_set_elsewhere, set, settings};
use super::setting::Setting;
use super::subject::{Subject, subjects};
use super::{signal, traefik};
use crate::input::Place;
use crate::knowledge::ebbtide;
use crate::model::{Container, Declared, Drain, Workload};

/// The servers that a program may be which the files do not show.
const HIDDEN: [Runtime; 6] =
    [Runtime::Uvicorn, Runtime::Nginx, Runtime::Traefik, Runtime::Java, Runtime::Dotnet, Runtime::Gunicorn];

/// Those that a program of any name may be.
const COMPILED: [Runtime; 2] = [Runtime::Java, Runtime::Dotnet];

/// Gives containers the drain time, and the lame duck of Traefik, that their flags and variables declare.
pub(crate) fn declare(workload: &mut Workload) {
    let of_service = workload.service.iter().flat_map(|service| &service.containers);
    let found = workload.containers.iter().chain(of_service).map(|container| {
        (drain_of(workload, container), lame_duck(&what_runs(workload.platform, container)))
    });
    let found: Vec<_> = found.collect();
    let of_service = workload.service.iter_mut().flat_map(|service| &mut service.containers);
    for (container, (drain, lame_duck)) in workload.containers.iter_mut().chain(of_service).zip(found) {
        container.drain = container.drain.take().or(drain);
        container.lame_duck = container.lame_duck.take().or(lame_duck);
    }
}

/// Returns the drain time that what a container runs and its variables declare, else the default of a known server. Where a script decides
/// which program that is, the shortest one counts, if all are known.
pub(crate) fn drain_of(workload: &Workload, container: &Container) -> Option<Drain> {
    let signal = signal::sent(workload, container);
    let container = what_runs(workload.platform, container);
    let variables = &container.variables;
    let drain = |subject: &Subject| {
        let candidates = candidates(subject).iter();
        let mut at_signal = candidates
            .filter(|runtime| signal.as_deref().is_none_or(|signal| runtime.drains_at(signal)))
            .peekable();
        match subject {
            Subject::Server(runtime, _) => {
                at_signal.peek()?;
                let is_certain = || !may_be_set_elsewhere(*runtime, subject, &container);
                let default = || default(*runtime).filter(|_| is_certain());
                set(*runtime, subject, &container).unwrap_or_else(default)
            }
            Subject::Hidden(_) | Subject::Program(_) => at_signal
                .find_map(|runtime| set(*runtime, subject, &container))
                .unwrap_or_else(|| ebbtide::drain_of(variables)),
            Subject::Other => None,
        }
    };
    let all: Option<Vec<Drain>> = subjects(&container).iter().map(drain).collect();
    all?.into_iter().min_by_key(|drain| drain.time)
}

/// Returns whether a container may run a service that is built with Ebbtide: no known server, and no program in another language.
pub(crate) fn may_run_ebbtide(container: &Container) -> bool {
    subjects(&container.with_built_command())
        .iter()
        .any(|subject| matches!(subject, Subject::Hidden(_) | Subject::Program(_)))
}

/// Returns whether variables may set the drain time of what a container runs.
pub(crate) fn reads_variables(container: &Container) -> bool {
    let reads = |runtime: &Runtime| {
        matches!(runtime, Runtime::Gunicorn | Runtime::Traefik | Runtime::Java | Runtime::Dotnet)
    };
    subjects(&container.with_built_command()).iter().any(|subject| candidates(subject).iter().any(reads))
}

/// A value of a flag or a variable that cannot be read.
pub(crate) struct Unreadable {
    pub(crate) value: String,
    pub(crate) name: &'static str,
    pub(crate) expected: &'static str,
    pub(crate) place: Place,
}

/// Returns the values of flags and variables that declare the drain time and cannot be read. What is replaced before the start is none of them.
pub(crate) fn unreadable_drains(workload: &Workload, container: &Container) -> Vec<Unreadable> {
    let container = what_runs(workload.platform, container);
    let is_word = |text: &str| text.chars().all(|letter| letter.is_alphanumeric() || "-. ".contains(letter));
    let unreadable = |setting: Setting<'_>| {
        let value = setting.value.filter(|value| is_word(value) && setting.form.read(value).is_none())?;
        let (name, place) = (setting.name, setting.place);
        Some(Unreadable { value: value.to_owned(), name, expected: setting.form.expected(), place })
    };
    let mut found = Vec::new();
    for subject in subjects(&container) {
        let all = candidates(&subject).iter().flat_map(|runtime| settings(*runtime, &subject, &container));
        found.extend(all.filter_map(unreadable));
    }
    found
}

fn candidates(subject: &Subject) -> &[Runtime] {
    match subject {
        Subject::Server(runtime, _) => std::slice::from_ref(runtime),
        Subject::Hidden(_) => &HIDDEN,
        Subject::Program(_) => &COMPILED,
        Subject::Other => &[],
    }
}

fn default(runtime: Runtime) -> Option<Drain> {
    let (time, from) = (runtime.default()?, format!("default of {}", runtime.name()));
    Some(Drain { time, from, place: None, is_declared: false })
}

fn lame_duck(container: &Container) -> Option<Declared<Duration>> {
    let all = subjects(container);
    let [Subject::Server(Runtime::Traefik, words) | Subject::Hidden(words)] = all.as_slice() else {
        return None;
    };
    let (time, place) = traefik::EntryPoints::read(words, &container.variables).accepts()?;
    Some(Declared::Written(time, place))
}
