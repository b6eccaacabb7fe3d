use std::collections::BTreeMap;

use super::stage::{Argument, Stage};
use crate::input::{Place, Source};
use crate::model::{Container, Declared, Platform, Role, Workload, seconds};
use crate::tree::Node;

/// What a stage of a Dockerfile makes.
#[derive(Clone, Debug)]
pub(crate) struct StageImage {
    /// Its name, and its number from 0.
    pub(crate) names: Vec<String>,
    pub(crate) container: Container,
    pub(crate) is_last: bool,
}

/// Reads the image of each stage of a Dockerfile. What the build sets takes precedence over the defaults of its arguments.
pub(crate) fn stages(
    source: &Source,
    root: &Node,
    set: &BTreeMap<String, Option<String>>,
) -> Vec<StageImage> {
    let mut arguments: Vec<Argument> = Vec::new();
    let mut stages: Vec<Stage> = Vec::new();
    for (entry, documents) in root.items().iter().filter_map(|item| item.entries().split_first()) {
        match entry.key.as_str() {
            "FROM" => stages.push(Stage::from(entry, &stages, &arguments)),
            "ARG" => {
                for word in entry.node.text().unwrap_or_default().split_whitespace() {
                    let (name, default) =
                        word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
                    let default = default.map(|value| value.trim_matches(['"', '\'']).to_owned());
                    let default = set.get(name).cloned().unwrap_or(default);
                    arguments.push(Argument { name: name.to_owned(), default });
                }
            }
            _ => {
                if let Some(stage) = stages.last_mut() {
                    stage.apply(source, entry, documents, &arguments);
                }
            }
        }
    }
    let count = stages.len();
    let image = |(index, stage): (usize, Stage)| {
        let names = stage.name.iter().cloned().chain([index.to_string()]).collect();
        let place = stage.place?;
        let is_last = index.saturating_add(1) == count;
        Some(StageImage { names, container: container(stage, place), is_last })
    };
    stages.into_iter().enumerate().filter_map(image).collect()
}

/// Returns the image of a stage as a workload.
pub(crate) fn image(name: &str, stage: &StageImage) -> Workload {
    let place = stage.container.place;
    let mut workload = Workload::new(Platform::Image, "image", name, place, Declared::Default(seconds(10)));
    workload.containers.push(stage.container.clone());
    workload
}

fn container(stage: Stage, place: Place) -> Container {
    let mut container = Container::new("image", Role::Main, place);
    container.image = stage.base;
    container.entrypoint = stage.entrypoint;
    container.arguments = stage.command;
    container.stop_signal = stage.stop_signal;
    container.shell = stage.shell;
    container.packages = stage.packages;
    container.copies = stage.copies;
    container.folder = stage.folder;
    container.variables = stage.variables;
    container
}
