use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use crate::formats::dockerfile::{self, StageImage};
use crate::input::Sources;
use crate::knowledge::drain_of;
use crate::model::{Build, Container, Declared, Platform, Workload};

/// Gives each service of Compose, each role of Kamal and each application of Fly what the Dockerfile of its image says, where its own file
/// does not override it. A stage that is built by its name is an image of its own.
pub(crate) fn join(workloads: &mut Vec<Workload>, stages: Vec<StageImage>, sources: &Sources) {
    let mut files: HashMap<PathBuf, Vec<StageImage>> = HashMap::new();
    for stage in stages {
        files.entry(clean(Path::new(sources.name(stage.container.place)))).or_default().push(stage);
    }
    let mut named: Vec<&StageImage> = Vec::new();
    let mut built = BuiltImages::default();
    let builds = |workload: &&mut Workload| {
        matches!(workload.platform, Platform::Compose | Platform::Kamal | Platform::Fly)
    };
    for workload in workloads.iter_mut().filter(builds) {
        for container in &mut workload.containers {
            let Some(build) = &container.build else { continue };
            let folder = Path::new(sources.name(build.place)).parent().unwrap_or(Path::new(""));
            let file = clean(&folder.join(&build.context).join(&build.file));
            let Some(stage) = files.get(&file).and_then(|stages| stage_of(build, stages)) else { continue };
            if workload.platform == Platform::Compose {
                built.add(container, stage);
            }
            inherit(container, &stage.container);
            let is_new = named.iter().all(|other| other.container.place != stage.container.place);
            if !stage.is_last && is_new {
                named.push(stage);
            }
        }
    }
    built.join(workloads);
    for stage in named {
        let place = stage.container.place;
        let name = stage.names.first().map(String::as_str).unwrap_or_default();
        workloads.push(dockerfile::image(&format!("{} ({name})", sources.name(place)), stage));
    }
}

/// The images that services of Compose both build and name, by their repositories.
#[derive(Default)]
struct BuiltImages<'s>(HashMap<String, Option<&'s StageImage>>);

impl<'s> BuiltImages<'s> {
    /// Notes what a service builds under the name of its `image`. A name that two stages have says nothing.
    fn add(&mut self, container: &Container, stage: &'s StageImage) {
        let Some(repository) = container.repository() else { return };
        let known = self.0.entry(repository.to_owned()).or_insert(Some(stage));
        if known.is_some_and(|known| known.container.place != stage.container.place) {
            *known = None;
        }
    }

    /// Gives the containers of other platforms what the Dockerfile of their image says. The tag may differ: each deployment sets it. A name
    /// without a registry or an owner, such as `app`, may be any image.
    fn join(&self, workloads: &mut [Workload]) {
        let runs = |workload: &&mut Workload| {
            matches!(workload.platform, Platform::Kubernetes | Platform::Ecs | Platform::Nomad)
        };
        for container in workloads.iter_mut().filter(runs).flat_map(|workload| &mut workload.containers) {
            let repository = container.repository().filter(|name| name.contains('/'));
            if let Some(stage) = repository.and_then(|name| self.0.get(name).copied().flatten()) {
                inherit(container, &stage.container);
            }
        }
    }
}

/// Returns the stage that a build takes: the last one unless it names one.
fn stage_of<'s>(build: &Build, stages: &'s [StageImage]) -> Option<&'s StageImage> {
    match &build.target {
        None | Some(Declared::Default(_)) => stages.iter().find(|stage| stage.is_last),
        Some(Declared::Written(name, _)) => {
            let is_named = |own: &String| own.eq_ignore_ascii_case(name);
            stages.iter().find(|stage| stage.names.iter().any(is_named))
        }
        Some(Declared::Unresolved(_)) => None,
    }
}

/// The variable with the flags of gunicorn.
const GUNICORN: &str = "GUNICORN_CMD_ARGS";

fn inherit(container: &mut Container, image: &Container) {
    let is_replaced = container.entrypoint.is_some() || container.arguments.is_some();
    // An image that runs what its base runs is the server of that base, whatever it is called.
    if image.run().is_none() && (container.image.is_none() || !is_replaced) {
        container.image.clone_from(&image.image);
    }
    // What the image sets for gunicorn says nothing about a service that runs another program in it.
    let own = container.words();
    let may_run_gunicorn =
        ["gunicorn", ".sh", "entrypoint"].map(|mark| own.iter().any(|word| word.text.contains(mark)));
    let is_other = is_replaced && !may_run_gunicorn.contains(&true);
    for variable in image.variables.iter().filter(|variable| !is_other || variable.name != GUNICORN) {
        if container.variables.iter().all(|own| own.name != variable.name) {
            container.variables.push(variable.clone());
        }
    }
    let mut words = container.words();
    // A new entry point drops the image's command too.
    if container.entrypoint.is_none() {
        words.extend(image.entrypoint.iter().flat_map(|command| &command.words));
        let arguments = image.arguments.iter().filter(|_| container.arguments.is_none());
        words.extend(arguments.flat_map(|command| &command.words));
    }
    container.drain = drain_of(&words, &container.variables);
}

/// Removes `.` and `..` from a path without asking the file system.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if clean.file_name().is_some() => {
                clean.pop();
            }
            _ => clean.push(part),
        }
    }
    clean
}
