use super::stage::{Argument, Stage};
use crate::input::{Place, Source};
use crate::knowledge::drain_of;
use crate::model::{Container, Declared, Platform, Role, Workload, seconds};
use crate::tree::Node;

/// Reads the image that the last stage of a Dockerfile makes.
pub(crate) fn image(source: &Source, root: &Node) -> Option<Workload> {
    let mut arguments: Vec<Argument> = Vec::new();
    let mut stages: Vec<Stage> = Vec::new();
    for entry in root.items().iter().filter_map(|item| item.entries().first()) {
        match entry.key.as_str() {
            "FROM" => stages.push(Stage::from(entry, &stages, &arguments)),
            "ARG" => {
                for word in entry.node.text().unwrap_or_default().split_whitespace() {
                    let (name, default) =
                        word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
                    let default = default.map(|value| value.trim_matches(['"', '\'']).to_owned());
                    arguments.push(Argument { name: name.to_owned(), default });
                }
            }
            _ => {
                if let Some(stage) = stages.last_mut() {
                    stage.apply(entry, &arguments);
                }
            }
        }
    }
    let stage = stages.pop()?;
    let place = stage.place?;
    let mut workload =
        Workload::new(Platform::Image, "image", source.name(), place, Declared::Default(seconds(10)));
    workload.containers.push(container(stage, place));
    Some(workload)
}

fn container(stage: Stage, place: Place) -> Container {
    let mut container = Container::new("image", Role::Main, place);
    container.image = stage.base;
    container.entrypoint = stage.entrypoint;
    container.arguments = stage.command;
    container.stop_signal = stage.stop_signal;
    container.shell = stage.shell;
    container.packages = stage.packages;
    container.drain = drain_of(&container.words(), &[]);
    container
}
