use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::Builds;
use super::kustomization::Kustomization;
use crate::formats::dockerfile::{self, StageImage};
use crate::formats::paths::clean;
use crate::input::{Place, Sources};
use crate::knowledge::signal_of_image;
use crate::model::{Build, BuiltCommand, Container, Declared, Platform, Variable, Workload};
use crate::tree::parse_dockerfile;

/// The files that Podman looks for if none is named.
const DEFAULTS: [&str; 2] = ["Containerfile", "Dockerfile"];

/// Gives each service of Compose and of Render, each role of Kamal, each container of Podman and each application of Fly what the Dockerfile of its image says,
/// where its own file does not override it. So do the containers of other platforms whose image is built under its name. A stage that is
/// built by its name is an image of its own.
pub(crate) fn join(
    workloads: &mut Vec<Workload>,
    stages: Vec<StageImage>,
    builds: &Builds,
    sources: &Sources,
) {
    let of_workloads = workloads.iter().filter(is_built).flat_map(|workload| &workload.containers);
    let all_builds = of_workloads.filter_map(|container| container.build.as_ref());
    let stages =
        Stages::new(stages, all_builds.chain(builds.named.iter().map(|build| &build.build)), sources);
    let mut named: Vec<&StageImage> = Vec::new();
    let mut add_named = |stage| named.push(stage);
    let mut built = BuiltImages::new(builds, sources);
    for build in &builds.named {
        let stage = stages.of(&build.build);
        built.add(&build.image, build.folder.as_deref(), stage);
        stage.into_iter().for_each(&mut add_named);
    }
    for workload in workloads.iter_mut().filter(|workload| is_built(&&**workload)) {
        for container in &mut workload.containers {
            let Some(build) = &container.build else { continue };
            let Some(stage) = stages.of(build) else { continue };
            if workload.platform == Platform::Compose
                && let Some(name) = container.repository()
            {
                built.add(name, None, Some(stage));
            }
            inherit(container, &stage.container);
            add_named(stage);
        }
    }
    built.join(workloads);
    let mut places = BTreeSet::new();
    for stage in named.into_iter().filter(|stage| !stage.is_last) {
        let place = stage.container.place;
        let name = stage.names.first().map(String::as_str).unwrap_or_default();
        if places.insert(place) {
            workloads.push(dockerfile::image(&format!("{} ({name})", sources.name(place)), stage));
        }
    }
}

/// Returns whether a workload says itself where its image is built.
fn is_built(workload: &&Workload) -> bool {
    matches!(
        workload.platform,
        Platform::Compose | Platform::Kamal | Platform::Fly | Platform::Render | Platform::Quadlet
    )
}

/// Returns where the Dockerfile of a build may be: the first of these files that is there.
pub(crate) fn dockerfiles(build: &Build, sources: &Sources) -> impl Iterator<Item = PathBuf> {
    let folder = Path::new(sources.name(build.place)).parent().unwrap_or(Path::new(""));
    let folder = folder.join(&build.context);
    let names = if build.file.is_empty() { DEFAULTS.to_vec() } else { vec![&*build.file] };
    names.into_iter().map(move |name| clean(&folder.join(name)))
}

/// The arguments of a build.
type Arguments = BTreeMap<String, Option<String>>;

/// The stages of the Dockerfiles, by the paths of those.
struct Stages<'s> {
    files: HashMap<PathBuf, Vec<StageImage>>,
    /// Those of builds that set arguments.
    with_arguments: HashMap<(PathBuf, Arguments), Vec<StageImage>>,
    sources: &'s Sources,
}

impl<'s> Stages<'s> {
    fn new<'b>(
        stages: Vec<StageImage>,
        builds: impl Iterator<Item = &'b Build>,
        sources: &'s Sources,
    ) -> Self {
        let mut files: HashMap<PathBuf, Vec<StageImage>> = HashMap::new();
        for stage in stages {
            files.entry(clean(Path::new(sources.name(stage.container.place)))).or_default().push(stage);
        }
        let mut all = Self { files, with_arguments: HashMap::new(), sources };
        for build in builds.filter(|build| !build.arguments.is_empty()) {
            let Some((path, stages)) = all.file(build) else { continue };
            let key = (path, build.arguments.clone());
            let place = stages.first().map(|stage| stage.container.place);
            if !all.with_arguments.contains_key(&key)
                && let Some(stages) = place.and_then(|place| all.read(place, &build.arguments))
            {
                all.with_arguments.insert(key, stages);
            }
        }
        all
    }

    /// Reads a Dockerfile with the arguments of a build.
    fn read(&self, place: Place, arguments: &Arguments) -> Option<Vec<StageImage>> {
        let source = self.sources.get(place.source)?;
        let parsed = parse_dockerfile(place.source, source.text());
        let documents = parsed.documents.iter();
        Some(documents.flat_map(|document| dockerfile::stages(source, &document.root, arguments)).collect())
    }

    /// Returns the Dockerfile of a build, if it is in the input.
    fn file(&self, build: &Build) -> Option<(PathBuf, &Vec<StageImage>)> {
        dockerfiles(build, self.sources).find_map(|path| {
            let stages = self.files.get(&path)?;
            Some((path, stages))
        })
    }

    /// Returns the stage that a build makes an image of, if its Dockerfile is in the input.
    fn of(&self, build: &Build) -> Option<&StageImage> {
        let (path, stages) = self.file(build)?;
        let set = (!build.arguments.is_empty()).then(|| (path, build.arguments.clone()));
        stage_of(build, set.and_then(|key| self.with_arguments.get(&key)).unwrap_or(stages))
    }
}

/// The images that are built under a name, by their repositories.
struct BuiltImages<'s> {
    all: HashMap<String, Vec<BuiltImage<'s>>>,
    /// What kustomizations rename, by the files that they are made of.
    renames: HashMap<PathBuf, Vec<&'s [(String, String)]>>,
    sources: &'s Sources,
}

struct BuiltImage<'s> {
    /// The folder in which a name without a registry or an owner means this image.
    folder: Option<PathBuf>,
    /// Nothing if the Dockerfile is not in the input.
    stage: Option<&'s StageImage>,
}

impl<'s> BuiltImages<'s> {
    fn new(builds: &'s Builds, sources: &'s Sources) -> Self {
        let mut by_folder: HashMap<&Path, Vec<&Kustomization>> = HashMap::new();
        for kustomization in &builds.kustomizations {
            by_folder.entry(&kustomization.folder).or_default().push(kustomization);
        }
        let mut renames: HashMap<PathBuf, Vec<&[(String, String)]>> = HashMap::new();
        let is_renaming = |kustomization: &&Kustomization| !kustomization.renames.is_empty();
        for kustomization in builds.kustomizations.iter().filter(is_renaming) {
            for file in kustomization.files(&by_folder) {
                renames.entry(file).or_default().push(&kustomization.renames);
            }
        }
        Self { all: HashMap::new(), renames, sources }
    }

    fn add(&mut self, name: &str, folder: Option<&Path>, stage: Option<&'s StageImage>) {
        let image = BuiltImage { folder: folder.map(clean), stage };
        self.all.entry(name.to_owned()).or_default().push(image);
    }

    /// Gives the containers of other platforms what the Dockerfile of their image says. The tag may differ: each deployment sets it.
    fn join(&self, workloads: &mut [Workload]) {
        let runs = |workload: &&mut Workload| {
            matches!(
                workload.platform,
                Platform::Kubernetes
                    | Platform::Knative
                    | Platform::CloudRun
                    | Platform::ContainerApps
                    | Platform::Ecs
                    | Platform::Nomad
                    | Platform::Quadlet
            )
        };
        for container in workloads.iter_mut().filter(runs).flat_map(|workload| &mut workload.containers) {
            if container.built.is_none()
                && let Some(stage) = self.stage_of(container)
            {
                inherit(container, &stage.container);
            }
        }
    }

    /// Returns the stage that a container's image is, if every name that the image may have leads to one.
    fn stage_of(&self, container: &Container) -> Option<&'s StageImage> {
        let own = container.repository()?;
        let path = clean(Path::new(self.sources.name(container.place)));
        let renames = self.renames.get(&path).into_iter().flatten().copied().flatten();
        let new = renames.filter(|(old, _)| old == own);
        let names = std::iter::once(own).chain(new.map(|(_, new)| new.as_str()));
        let mut found: Vec<Option<&StageImage>> = Vec::new();
        for name in names {
            let images = self.all.get(name).into_iter().flatten();
            // A name without a registry or an owner, such as `app`, may be any image elsewhere.
            let is_meant = |image: &&BuiltImage<'_>| {
                name.contains('/') || image.folder.as_ref().is_some_and(|folder| path.starts_with(folder))
            };
            found.extend(images.filter(is_meant).map(|image| image.stage));
        }
        let first = found.first().copied().flatten()?;
        let is_same = |stage: &Option<&StageImage>| {
            stage.is_some_and(|stage| stage.container.place == first.container.place)
        };
        found.iter().all(is_same).then_some(first)
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

fn inherit(container: &mut Container, image: &Container) {
    container.built = Some(image.place);
    container.built_command = Some(BuiltCommand {
        entrypoint: image.entrypoint.clone(),
        arguments: image.arguments.clone(),
        shell: image.shell.clone(),
        signal: signal_of_image(image),
    });
    container.copies.clone_from(&image.copies);
    container.folder = container.folder.take().or_else(|| image.folder.clone());
    let is_replaced = container.entrypoint.is_some() || container.arguments.is_some();
    // An image that runs what its base runs is the server of that base, whatever it is called.
    let is_base = image.run().is_none() || image.has_options_alone();
    if is_base && (container.image.is_none() || !is_replaced) {
        container.image.clone_from(&image.image);
    }
    for variable in &image.variables {
        if container.variables.iter().all(|own| own.name != variable.name) {
            let value = variable.value.clone().filter(|_| !container.has_unread_variables);
            container.variables.push(Variable { value, ..variable.clone() });
        }
    }
}
