use super::{Script, Simple, ends, replacements};
use crate::input::Place;
use crate::model::{Command, Container, Init, Word};

/// The longest chain of shells and scripts that start each other.
const MAX_CHAIN: usize = 4;

/// A command that a container runs in the end, past init processes, `uv run`, shells, and the entry point script if that is in the input.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its words from the program on; each has the place where it is written.
    pub(crate) words: Vec<Word>,
    /// The init process before it.
    pub(crate) init: Option<Init>,
}

impl Program {
    /// Returns its name without its folder.
    pub(crate) fn name(&self) -> &str {
        self.words.first().map_or("", |word| word.text.rsplit('/').next().unwrap_or(&word.text))
    }

    /// Returns where it is written.
    pub(crate) fn place(&self) -> Option<Place> {
        self.words.first().map(|word| word.place)
    }
}

/// Returns what a container runs in the end: several programs if a script decides. A script that is not in the input is a program.
pub(crate) fn programs(container: &Container) -> Vec<Program> {
    run(container, Ends::Last)
}

/// Returns the same, and what a script may execute in its place before it comes to its end.
pub(crate) fn possible_programs(container: &Container) -> Vec<Program> {
    run(container, Ends::All)
}

/// Which of the programs count that a script may become.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Last,
    All,
}

impl Ends {
    fn of(self, script: &Script, arguments: Option<&[String]>) -> Vec<Simple> {
        let mut found: Vec<Simple> = ends(script, arguments).into_iter().map(|end| end.command).collect();
        if self == Self::All {
            let last: Vec<_> = found.iter().map(|end| end.range).collect();
            found
                .extend(replacements(script, arguments).into_iter().filter(|end| !last.contains(&end.range)));
        }
        found
    }
}

fn run(container: &Container, ends: Ends) -> Vec<Program> {
    let mut found = Vec::new();
    if let Some(command) = container.run() {
        let follower = Follower { container, ends };
        follower.follow(command, container.init, 0, &mut found);
    }
    found
}

/// Returns whether a container may run one of these programs: its command names one, is not known, or is that of its image.
pub(crate) fn may_run(container: &Container, own: &[&str]) -> bool {
    let is_own = |program: &str| {
        let is_unknown = program.is_empty() || program.contains('$') || program.contains("entrypoint");
        // Options, and the names of scripts and of settings, are for the entry point of the image.
        let is_argument =
            program.starts_with('-') || [".sh", ".conf"].iter().any(|end| program.ends_with(end));
        is_unknown || is_argument || own.contains(&program)
    };
    let Some(command) = container.run() else { return true };
    let (_, command) = command.without_init();
    let Some(script) = command.script() else {
        return programs(container).iter().any(|program| is_own(program.name()));
    };
    Script::read(&script.text).commands.iter().any(|simple| {
        let words = executed(simple).map(|(text, _)| Word { text: text.to_owned(), place: script.place });
        let simple = Command { words: words.collect(), is_shell_form: false, place: script.place };
        simple.program().is_some_and(is_own)
    })
}

/// Follows the commands of a container to the programs that they start.
struct Follower<'c> {
    container: &'c Container,
    ends: Ends,
}

impl Follower<'_> {
    fn follow(&self, command: Command, init: Option<Init>, depth: usize, found: &mut Vec<Program>) {
        let (own, command) = command.without_init();
        let init = own.or(init);
        let command = command.behind_uv().unwrap_or(command);
        if let Some(script) = command.script() {
            let read = Script::read(&script.text);
            let mut last = self.ends.of(&read, None);
            if last.is_empty() {
                last.extend(read.commands.last().cloned());
            }
            for simple in last {
                let words = executed(&simple).flat_map(|(text, _)| match text {
                    "$@" | "$*" => command.script_arguments().to_vec(),
                    _ => vec![Word { text: text.to_owned(), place: script.place }],
                });
                self.next(words.collect(), &command, init, depth, found);
            }
            return;
        }
        let words = command.program_words();
        match self.container.wrapper.as_ref().filter(|_| depth == 0) {
            Some(wrapper) => {
                let arguments = command.file_words().get(1..).unwrap_or_default();
                let texts: Vec<String> = arguments.iter().map(|word| word.text.clone()).collect();
                for simple in self.ends.of(&Script::read(&wrapper.text), Some(&texts)) {
                    let words = executed(&simple).flat_map(|(text, range)| match text {
                        "$@" | "$*" => arguments.to_vec(),
                        _ => vec![Word { text: text.to_owned(), place: within(wrapper, range) }],
                    });
                    self.next(words.collect(), &command, init, depth, found);
                }
            }
            None => found.extend((!words.is_empty()).then(|| Program { words: words.to_vec(), init })),
        }
    }

    fn next(
        &self,
        words: Vec<Word>,
        from: &Command,
        init: Option<Init>,
        depth: usize,
        found: &mut Vec<Program>,
    ) {
        let depth = depth.saturating_add(1);
        if depth < MAX_CHAIN {
            self.follow(Command { words, is_shell_form: false, place: from.place }, init, depth, found);
        }
    }
}

/// Returns the words of a command without `exec` and its options, each with the range of the command.
fn executed(simple: &Simple) -> impl Iterator<Item = (&str, (usize, usize))> {
    let mut words = simple.words.as_slice();
    if let Some(("exec", rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        words = rest;
        while let Some((option, rest)) = words.split_first().filter(|(option, _)| option.starts_with('-')) {
            words = if option == "-a" { rest.get(1..).unwrap_or_default() } else { rest };
        }
    }
    words.iter().map(|word| (word.as_str(), simple.range))
}

/// Returns the place of a range of a script that is a file.
pub(crate) fn within(script: &Word, (start, end): (usize, usize)) -> Place {
    let at = |offset: usize| script.place.start().saturating_add(offset);
    Place::new(script.place.source, at(start), at(end))
}
