use std::path::{Component, Path, PathBuf};

use super::recognise::is_script_text;
use crate::formats::paths::clean;
use crate::input::{SourceId, Sources};
use crate::knowledge::{Script, ends};
use crate::model::{Command, Container, Copied, Platform, Word, Workload, base_name};

/// The folders of programs that images begin with.
const PROGRAMS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Gives each image the script that its entry point is, or without one its command, if the Dockerfile copies one from its folder or below it to where that
/// is started. A script of the base image is not known, whatever has the same name.
pub(crate) fn join(workloads: &mut [Workload], scripts: &[Word], sources: &Sources) {
    for workload in workloads.iter_mut().filter(|workload| workload.platform == Platform::Image) {
        let Some(folder) = parent(sources, workload.place.source).map(clean) else { continue };
        for container in &mut workload.containers {
            let Some((_, command)) = container.run().map(|run| run.without_init()) else { continue };
            let Some(started) = started(&command) else { continue };
            let files = scripts.iter().filter(|script| {
                let path = clean(Path::new(sources.name(script.place)));
                path.starts_with(&folder) && is_copied(&path, &folder, &started, container)
            });
            let mut found = files.chain(written(&started, container));
            // Two scripts: the file does not say which one is copied.
            if let (Some(script), None) = (found.next(), found.next()) {
                container.wrapper = Some(script.clone());
            }
        }
    }
}

/// Returns the files of the context of a build that may be the script which an image starts, whether they are there or not.
pub(crate) fn entry_files(container: &Container, dockerfile: &Path) -> Vec<PathBuf> {
    let folder = clean(dockerfile.parent().unwrap_or(Path::new("")));
    let Some((_, command)) = container.run().map(|run| run.without_init()) else { return Vec::new() };
    let Some(started) = started(&command) else { return Vec::new() };
    let file = plain(Path::new(started.file.trim_start_matches('/')));
    let mut found = Vec::new();
    for context in folder.ancestors() {
        for from in container.copies.iter().flat_map(|copied| &copied.from) {
            let from = context.join(clean(Path::new(from.trim_start_matches('/'))));
            // What is copied is the file, or a folder with the end of its path.
            let mut rest = file.components();
            let mut inside = vec![from.clone(), from.with_file_name(base_name(&started.file))];
            while !rest.as_path().as_os_str().is_empty() {
                inside.push(from.join(rest.as_path()));
                rest.next();
            }
            let is_meant =
                |path: &PathBuf| path.starts_with(&folder) && is_copied(path, &folder, &started, container);
            found.extend(inside.into_iter().map(|path| clean(&path)).filter(is_meant));
        }
    }
    found
}

/// Returns the here document that is copied to the path that is started, if that is a script.
fn written<'c>(started: &Started, container: &'c Container) -> Option<&'c Word> {
    let is_meant = |copied: &&Copied| is_at(Path::new(&copied.to), started, container);
    let text = container.copies.iter().rfind(is_meant)?.text.as_ref();
    text.filter(|text| is_script_text(&text.text))
}

/// A file that a command starts.
struct Started {
    file: String,
    /// Whether it is looked up in `PATH` if it has no folder, rather than read by a shell.
    is_program: bool,
}

/// Returns the file that a command starts, also as the last command of a script in a word.
fn started(command: &Command) -> Option<Started> {
    let Some(script) = command.script() else {
        return command.file_words().first().map(|word| started_as(word, command));
    };
    let all = ends(&Script::read(&script.text), None);
    let [end] = all.as_slice() else { return None };
    let words = end.command.words.iter().skip_while(|word| *word == "exec");
    let words = words.map(|text| Word { text: text.clone(), place: script.place });
    let last = Command { words: words.collect(), is_shell_form: false, place: command.place };
    // Arguments decide which branches of it run.
    let [file] = last.file_words() else { return None };
    Some(started_as(file, &last))
}

fn started_as(file: &Word, command: &Command) -> Started {
    let is_program = command.program_words().first().is_some_and(|first| first.text == file.text);
    Started { file: file.text.clone(), is_program }
}

/// Returns whether a Dockerfile copies a file to the path that is started. The context of its build is its own folder, or one above.
fn is_copied(path: &Path, folder: &Path, started: &Started, container: &Container) -> bool {
    let inside = folder.ancestors().filter_map(|context| path.strip_prefix(context).ok());
    let inside: Vec<&Path> = inside.collect();
    container.copies.iter().any(|copied| {
        inside.iter().flat_map(|path| targets(copied, path)).any(|target| is_at(&target, started, container))
    })
}

/// Returns whether a Dockerfile certainly copies a file of the context of its build to the folder that the image starts in.
pub(crate) fn is_copied_to_start(path: &Path, context: &Path, container: &Container) -> bool {
    let (Ok(inside), Some(name)) = (path.strip_prefix(context), path.file_name()) else { return false };
    let start = Path::new(container.folder.as_deref().unwrap_or_default()).join(name);
    let mut targets = container.copies.iter().flat_map(|copied| targets(copied, inside));
    targets.any(|target| plain(&target) == plain(&start))
}

/// Returns where a file of the context is after a copy.
fn targets(copied: &Copied, file: &Path) -> Vec<PathBuf> {
    let to = Path::new(&copied.to);
    let name = file.file_name().unwrap_or_default();
    let mut found = Vec::new();
    for from in &copied.from {
        let from = clean(Path::new(from.trim_start_matches('/')));
        if from == file || has_pattern(&from, file) {
            // A folder that the image has already takes the file too.
            if !copied.to.ends_with('/') {
                found.push(to.to_owned());
            }
            found.push(to.join(name));
        } else if let Ok(rest) = file.strip_prefix(&from) {
            found.push(to.join(rest));
        }
    }
    found
}

/// Returns whether a file is in the folder of a pattern whose last part has one `*` and matches its name.
fn has_pattern(pattern: &Path, file: &Path) -> bool {
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let (own, file_name) = (name(pattern), name(file));
    own.split_once('*').is_some_and(|(begin, end)| {
        pattern.parent() == file.parent()
            && file_name.len() >= begin.len().saturating_add(end.len())
            && file_name.starts_with(begin)
            && file_name.ends_with(end)
    })
}

/// Returns whether a path in the image is the one that is started. Below a folder that is not known the rest of the path counts.
fn is_at(target: &Path, started: &Started, container: &Container) -> bool {
    let target = plain(target);
    if target.to_string_lossy().contains('$') || started.file.contains('$') {
        return target.file_name().is_some_and(|name| name == base_name(&started.file));
    }
    if started.is_program && !started.file.contains('/') {
        let is_named = target.file_name().is_some_and(|name| *name == *started.file);
        let has_path = container.variables.iter().any(|variable| variable.name == "PATH");
        let is_program = |folder: &Path| PROGRAMS.iter().any(|program| folder == Path::new(program));
        return is_named && (has_path || target.parent().is_some_and(is_program));
    }
    let file = plain(Path::new(&started.file));
    match (&container.folder, file.is_absolute(), target.is_absolute()) {
        (_, true, true) | (_, false, false) => file == target,
        (_, true, false) => file.ends_with(&target),
        (Some(folder), false, true) => plain(&Path::new(folder).join(&file)) == target,
        (None, false, true) => target.ends_with(&file),
    }
}

/// Returns a path without the parts that mean the folder itself.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

fn parent(sources: &Sources, id: SourceId) -> Option<&Path> {
    Path::new(sources.get(id)?.name()).parent()
}
