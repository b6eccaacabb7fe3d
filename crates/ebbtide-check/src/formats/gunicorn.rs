//! `gunicorn.conf.py`, which gunicorn reads in the folder that it starts in without being named: gunicorn, `config.py`, `get_default_config_file`.

use std::path::{Path, PathBuf};

use super::dockerfile::is_copied_to_start;
use super::paths::clean;
use crate::input::{GUNICORN_FILE, Place, Source, SourceId, Sources};
use crate::model::{Command, Container, Platform, ServerFile, Word, Workload};

const SETTING: &str = "graceful_timeout";

/// What may set any variable of the file without its name.
const UNNAMED: [&str; 7] = ["import *", "locals(", "globals(", "vars(", "exec(", "setattr(", "__dict__"];

/// What starts a program in another folder: words of scripts, and options of programs in front of it or of gunicorn itself.
const OTHER_FOLDER: [&str; 6] = ["cd", "pushd", "-C", "--directory", "--project", "--chd"];

/// A file of settings, and what it sets.
#[derive(Debug)]
pub(crate) struct GunicornFile {
    path: PathBuf,
    sets: Option<ServerFile>,
}

/// Returns whether a source has the name of the file.
pub(super) fn has_name(source: &Source) -> bool {
    Path::new(source.name()).file_name().is_some_and(|name| name == GUNICORN_FILE)
}

/// Reads one assignment of a whole number outside of any block. What else has the name may set it to what is not known.
pub(super) fn read(id: SourceId, source: &Source) -> GunicornFile {
    let mut at = 0_usize;
    let (mut sets, mut is_text) = (None, false);
    for line in source.text().split_inclusive('\n') {
        let start = at;
        at = at.saturating_add(line.len());
        let code = line.split('#').next().unwrap_or_default().trim_end();
        if code.contains(SETTING) {
            let value = assigned(code).filter(|_| sets.is_none() && !is_text);
            let place = Place::new(id, start, start.saturating_add(code.len()));
            sets = Some(value.map_or(ServerFile::Unread, |value| {
                ServerFile::Sets(Word { text: value.to_owned(), place })
            }));
        } else if UNNAMED.iter().any(|word| code.contains(word)) {
            sets = Some(ServerFile::Unread);
        }
        let quotes = line.matches("\"\"\"").count().saturating_add(line.matches("'''").count());
        is_text ^= quotes % 2 == 1;
    }
    GunicornFile { path: clean(Path::new(source.name())), sets }
}

fn assigned(code: &str) -> Option<&str> {
    let value = code.strip_prefix(SETTING)?.trim_start().strip_prefix('=')?.trim();
    (!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())).then_some(value)
}

/// Gives each container what the file says that its server reads, if it starts in the folder of one. Of one that it may start beside, the settings are not known.
pub(crate) fn join(workloads: &mut [Workload], files: &[GunicornFile], sources: &Sources) {
    if files.is_empty() {
        return;
    }
    for workload in workloads {
        let of_service = workload.service.iter_mut().flat_map(|service| &mut service.containers);
        for container in workload.containers.iter_mut().chain(of_service) {
            container.server_file = of_container(workload.platform, container, files, sources);
        }
    }
}

fn of_container(
    platform: Platform,
    container: &Container,
    files: &[GunicornFile],
    sources: &Sources,
) -> Option<ServerFile> {
    let is_elsewhere = changes_folder(container);
    let folder = |place: Place| clean(Path::new(sources.name(place)).parent().unwrap_or(Path::new("")));
    if platform == Platform::Heroku {
        // The folder of a Procfile is that of its processes.
        let own = folder(container.place);
        let is_own = |file: &&GunicornFile| file.path.parent() == Some(&own);
        return if is_elsewhere {
            Some(ServerFile::Unread)
        } else {
            files.iter().find(is_own).and_then(|file| file.sets.clone())
        };
    }
    let dockerfile = if platform == Platform::Image { Some(container.place) } else { container.built };
    let Some(image) = dockerfile.map(folder) else { return Some(ServerFile::Unread) };
    let context = container.build.as_ref().map(|build| clean(&folder(build.place).join(&build.context)));
    let contexts: Vec<&Path> = match &context {
        Some(context) => vec![context],
        None => image.ancestors().collect(),
    };
    let may_be_in = |file: &&GunicornFile| {
        let parent = file.path.parent().unwrap_or(Path::new(""));
        let is_near = contexts.first().is_some_and(|context| parent.starts_with(context));
        is_near || contexts.contains(&parent)
    };
    let mut near = files.iter().filter(may_be_in);
    let (first, other) = (near.next()?, near.next());
    let is_copied =
        contexts.first().is_some_and(|context| is_copied_to_start(&first.path, context, container));
    if is_copied && other.is_none() && !is_elsewhere { first.sets.clone() } else { Some(ServerFile::Unread) }
}

/// Returns whether a container may start its server in another folder than its own.
fn changes_folder(container: &Container) -> bool {
    let built = container.built_command.as_ref().and_then(|built| built.entrypoint.as_ref());
    let start = container.entrypoint.as_ref().or(built);
    if start.is_some_and(Command::is_script) && container.wrapper.is_none() {
        return true;
    }
    let run = container.with_built_command().run();
    let words =
        run.iter().flat_map(|run| &run.words).chain(&container.wrapper).map(|word| word.text.as_str());
    let values = container.variables.iter().filter_map(|variable| variable.value.as_deref());
    let mut parts = words.chain(values).flat_map(str::split_whitespace);
    parts.any(|part| {
        OTHER_FOLDER.iter().any(|word| part == *word || word.starts_with("--") && part.starts_with(word))
    })
}
