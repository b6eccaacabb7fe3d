use std::path::{Component, Path, PathBuf};

use crate::input::Sources;
use crate::model::{Container, Platform, Workload};

/// Gives each service of Compose, and each role of Kamal, what the Dockerfile of its image says, where its own file does not override
/// it.
pub(crate) fn join(workloads: &mut [Workload], sources: &Sources) {
    let images: Vec<(PathBuf, Container)> = workloads
        .iter()
        .filter(|workload| workload.platform == Platform::Image)
        .filter_map(|image| {
            Some((clean(Path::new(sources.name(image.place))), image.containers.first()?.clone()))
        })
        .collect();
    let builds = |workload: &&mut Workload| matches!(workload.platform, Platform::Compose | Platform::Kamal);
    for workload in workloads.iter_mut().filter(builds) {
        let folder = Path::new(sources.name(workload.place)).parent().unwrap_or(Path::new(""));
        for container in &mut workload.containers {
            let Some(build) = container.build.as_ref().filter(|build| build.is_last_stage) else { continue };
            let file = clean(&folder.join(&build.context).join(&build.file));
            if let Some((_, image)) = images.iter().find(|(path, _)| *path == file) {
                inherit(container, image);
            }
        }
    }
}

fn inherit(container: &mut Container, image: &Container) {
    let overrides = container.entrypoint.is_some() || container.arguments.is_some();
    // An image that runs what its base runs is the server of that base.
    if container.image.is_none() && image.run().is_none() {
        container.image.clone_from(&image.image);
    }
    if container.stop_signal.is_none() {
        container.stop_signal.clone_from(&image.stop_signal);
    }
    // A flag of the server is in the image's command, unless that is replaced.
    if !overrides && container.drain.as_ref().is_none_or(|drain| !drain.is_declared) {
        container.drain = image.drain.clone().or(container.drain.take());
    }
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
