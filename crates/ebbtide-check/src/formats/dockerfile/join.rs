use std::path::Path;

use crate::input::{SourceId, Sources};
use crate::knowledge::{Script, ends};
use crate::model::{Command, Platform, Word, Workload, base_name};

/// Gives each image the script that its entry point is, or without one its command, if one of that name is in the folder of the Dockerfile or below it.
pub(crate) fn join(workloads: &mut [Workload], scripts: &[Word], sources: &Sources) {
    for workload in workloads.iter_mut().filter(|workload| workload.platform == Platform::Image) {
        let folder = parent(sources, workload.place.source);
        for container in &mut workload.containers {
            let Some((_, command)) = container.run().map(|run| run.without_init()) else { continue };
            let Some(name) = started(&command) else { continue };
            let mut found = scripts.iter().filter(|script| {
                let path = Path::new(sources.name(script.place));
                path.file_name().is_some_and(|file| file == &*name)
                    && folder.is_some_and(|folder| path.starts_with(folder))
            });
            // Two scripts of that name: the file does not say which one is copied.
            if let (Some(script), None) = (found.next(), found.next()) {
                container.wrapper = Some(script.clone());
            }
        }
    }
}

/// Returns the name of the file that a command starts, also as the last command of a script in a word.
fn started(command: &Command) -> Option<String> {
    let Some(script) = command.script() else {
        return command.file_words().first().map(|word| base_name(&word.text).to_owned());
    };
    let all = ends(&Script::read(&script.text), None);
    let [end] = all.as_slice() else { return None };
    let words = end.command.words.iter().skip_while(|word| *word == "exec");
    let words = words.map(|text| Word { text: text.clone(), place: script.place });
    let last = Command { words: words.collect(), is_shell_form: false, place: command.place };
    // Arguments decide which branches of it run.
    let [file] = last.file_words() else { return None };
    Some(base_name(&file.text).to_owned())
}

fn parent(sources: &Sources, id: SourceId) -> Option<&Path> {
    Path::new(sources.get(id)?.name()).parent()
}
