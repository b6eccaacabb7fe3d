use std::collections::BTreeMap;

use super::stage::{Argument, Stage};
use crate::input::{Place, Source};
use crate::model::{Container, Declared, Platform, Role, Workload, seconds};
use crate::tree::{Node, Parsed, parse_dockerfile_inside};

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

/// Reads a Dockerfile that is a value of another file: its image, and what cannot be read. `None` if the value is not written as it is, such as one in
/// quotes. What it copies is not known: its context may be any folder.
pub(crate) fn inline(source: &Source, value: &Node) -> Option<(Option<Workload>, Parsed)> {
    let lines = |text: &str| text.trim().lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let Place { source: id, .. } = value.place;
    let (start, end) = (value.place.start(), value.place.end());
    let inside = Place::new(id, start.saturating_add(1), end.saturating_sub(1));
    let is_written = |place: &Place| {
        let written = source.text().get(place.start()..place.end());
        written.map(lines) == value.text().map(lines)
    };
    // Of a line in quotes, what is between them.
    let place = [value.place, inside].into_iter().find(is_written)?;
    let parsed = parse_dockerfile_inside(place, source.text());
    let documents = parsed.documents.iter();
    let mut stages = documents.flat_map(|document| stages(source, &document.root, &BTreeMap::new()));
    let last = stages.rfind(|stage| stage.is_last).map(|mut stage| {
        stage.container.copies.clear();
        image(source.name(), &stage)
    });
    Some((last, parsed))
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
