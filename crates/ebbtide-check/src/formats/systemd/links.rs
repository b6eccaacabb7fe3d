use std::path::Path;

use super::merge::MergedUnit;
use super::service::{declared, last};
use crate::formats::scalar::build_arguments;
use crate::model::{Build, Declared};
use crate::tree::{Node, Value};

/// The units of images, which containers name instead of an image.
pub(super) struct Links<'u>(Vec<&'u MergedUnit>);

impl<'u> Links<'u> {
    pub(super) fn new(units: &'u [MergedUnit]) -> Self {
        let is_image = |unit: &&MergedUnit| {
            unit.is_whole && (unit.path.ends_with(".build") || unit.path.ends_with(".image"))
        };
        Self(units.iter().filter(is_image).collect())
    }

    /// Returns the image that a container runs, and where it is built, if that is in a unit beside that of the container.
    pub(super) fn image(&self, path: &str, image: &Node) -> (Declared<String>, Option<Build>) {
        let written = declared(image);
        let Some(name) = written.value() else { return (written, None) };
        let folder = Path::new(path).parent().unwrap_or(Path::new(""));
        let named = self.0.iter().find(|unit| Path::new(&unit.path) == folder.join(name));
        match named.and_then(|unit| unit.root.get("Image").or_else(|| unit.root.get("Build"))) {
            Some(section) if name.ends_with(".image") => {
                (last(section, "Image").map_or(Declared::Unresolved(image.place), declared), None)
            }
            Some(section) => {
                let tag = last(section, "ImageTag").map_or(Declared::Unresolved(image.place), declared);
                (tag, build(section))
            }
            // The name of a unit is no image.
            None if name.ends_with(".image") || name.ends_with(".build") => {
                (Declared::Unresolved(image.place), None)
            }
            None => (written, None),
        }
    }
}

/// Returns where an image is built. Where a relative path could be meant in two folders, that is not known.
fn build(section: &Node) -> Option<Build> {
    let plain = |key: &str| Some(declared(last(section, key)?));
    let (folder, file) = (plain("SetWorkingDirectory"), plain("File"));
    let place = last(section, "File").or_else(|| last(section, "SetWorkingDirectory"))?.place;
    let known = |declared: &Option<Declared<String>>| match declared {
        Some(declared) => declared.value().cloned().map(Some),
        None => Some(None),
    };
    let (folder, file) = (known(&folder)?, known(&file)?);
    let (context, file) = match (folder.as_deref(), file) {
        (_, Some(file)) if file.starts_with('/') => (".".to_owned(), file),
        (Some("unit" | "file"), Some(file)) => (".".to_owned(), file),
        (Some("unit"), None) => (".".to_owned(), String::new()),
        (Some(context), None) if context != "file" && !context.contains("://") => {
            (context.to_owned(), String::new())
        }
        _ => return None,
    };
    let arguments = Node { value: Value::List(section.list("BuildArg").to_vec()), place, tag: None };
    let arguments = build_arguments(Some(&arguments));
    Some(Build { context, file, target: plain("Target"), arguments, place })
}
