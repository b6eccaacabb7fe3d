use crate::formats::{Facts, Format};
use crate::input::{Place, Source, SourceId};
use crate::model::{Command, Container, Declared, Platform, Role, Word, Workload, seconds};
use crate::tree::Comment;

/// Returns whether a source has the name of a Procfile.
pub(crate) fn is_procfile_name(source: &Source) -> bool {
    source.name().rsplit(['/', '\\']).next() == Some("Procfile")
}

/// Returns whether a source is a Procfile: by its name, and a line is a type of process and a command.
pub(crate) fn is_procfile(source: &Source) -> bool {
    is_procfile_name(source) && source.text().lines().any(|line| process(line.trim()).is_some())
}

/// Reads a Procfile. Heroku stops each process after 30 s, which cannot be set.
pub(crate) fn procfile(id: SourceId, source: &Source) -> Facts {
    let mut facts = Facts { format: Some(Format::Heroku), ..Facts::default() };
    let mut start = 0_usize;
    for line in source.text().split_inclusive('\n') {
        let place = Place::new(id, start, start.saturating_add(line.trim_end().len()));
        start = start.saturating_add(line.len());
        if let Some(comment) = line.trim().strip_prefix('#') {
            facts.comments.push(Comment { text: comment.trim().to_owned(), place });
        } else if let Some((name, run)) = process(line.trim()) {
            facts.comments.extend(beside(line).and_then(|at| comment(id, place, at, line)));
            // The release command runs to its end.
            if name != "release" {
                facts.workloads.push(workload(name, run, place));
            }
        } else if !line.trim().is_empty() {
            // Heroku leaves the line out, and the process does not run.
            facts.problem(source.name(), place, "no process: expected `NAME: COMMAND`");
        }
    }
    facts
}

fn workload(name: &str, run: &str, place: Place) -> Workload {
    let grace = Declared::Default(seconds(30));
    let mut workload = Workload::new(Platform::Heroku, "process", name, place, grace);
    workload.block = Some(place);
    let mut container = Container::new(name, Role::Main, place);
    // A shell runs it.
    let words = vec![Word { text: run.to_owned(), place }];
    container.arguments = Some(Command { words, is_shell_form: true, place });
    container.has_ports = name == "web";
    workload.containers.push(container);
    workload
}

/// Returns the offset of the comment after a command, where the shell ends to read: a `#` that begins a word.
fn beside(line: &str) -> Option<usize> {
    let (mut quote, mut begins_word) = (None, false);
    let mut letters = line.char_indices();
    while let Some((at, letter)) = letters.next() {
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            ('\\', None | Some('"')) => {
                letters.next();
            }
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(letter),
            ('#', None) if begins_word => return Some(at),
            _ => {}
        }
        begins_word = letter.is_whitespace();
    }
    None
}

fn comment(id: SourceId, line: Place, at: usize, text: &str) -> Option<Comment> {
    let start = line.start().saturating_add(at);
    let text = text.get(at..)?.strip_prefix('#')?.trim().to_owned();
    Some(Comment { text, place: Place::new(id, start, line.end()) })
}

fn process(line: &str) -> Option<(&str, &str)> {
    let (name, run) = line.split_once(':')?;
    let is_name = !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_');
    (is_name && !run.trim().is_empty()).then(|| (name, run.trim()))
}
