use super::variables::variables;
use crate::input::{Place, Source};
use crate::model::{Command, Copied, Declared, Variable, Word};
use crate::tree::{Entry, Node};

/// What an image has after the instructions of a stage.
#[derive(Clone, Debug, Default)]
pub(super) struct Stage {
    pub(super) name: Option<String>,
    pub(super) base: Option<Declared<String>>,
    pub(super) entrypoint: Option<Command>,
    pub(super) command: Option<Command>,
    pub(super) stop_signal: Option<Declared<String>>,
    pub(super) shell: Option<String>,
    pub(super) packages: Vec<Word>,
    pub(super) copies: Vec<Copied>,
    pub(super) folder: Option<String>,
    pub(super) variables: Vec<Variable>,
    pub(super) place: Option<Place>,
}

/// A build argument and its default.
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) default: Option<String>,
}

impl Stage {
    /// Begins a stage: `FROM [--platform=…] image [AS name]`. A stage on an earlier one begins as that ended.
    pub(super) fn from(entry: &Entry, stages: &[Self], arguments: &[Argument]) -> Self {
        let text = entry.node.text().unwrap_or_default();
        let mut words = text.split_whitespace().skip_while(|word| word.starts_with("--"));
        let image = words.next().unwrap_or_default();
        let is_named = words.next().is_some_and(|word| word.eq_ignore_ascii_case("as"));
        let name = if is_named { words.next().map(str::to_owned) } else { None };
        let before = stages
            .iter()
            .rev()
            .find(|stage| stage.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(image)));
        let mut stage = before.cloned().unwrap_or_else(|| {
            let base = match substitute(image, |name| find_argument(arguments, name)) {
                Some(image) => Declared::Written(image, entry.node.place),
                None => Declared::Unresolved(entry.node.place),
            };
            Self { base: Some(base), ..Self::default() }
        });
        stage.name = name;
        stage.place = Some(entry.node.place);
        stage
    }

    /// Applies an instruction. `documents` are its here documents.
    pub(super) fn apply(
        &mut self,
        source: &Source,
        entry: &Entry,
        documents: &[Entry],
        arguments: &[Argument],
    ) {
        match entry.key.as_str() {
            "ENTRYPOINT" => {
                self.entrypoint = command(&entry.node);
                self.command = None;
            }
            "CMD" => self.command = command(&entry.node),
            "STOPSIGNAL" => {
                let signal = self.substitute(entry.node.text().unwrap_or_default(), arguments);
                self.stop_signal = Some(match signal {
                    Some(signal) => Declared::Written(signal, entry.node.place),
                    None => Declared::Unresolved(entry.node.place),
                });
            }
            "SHELL" => self.shell = entry.node.items().first().and_then(Node::text).map(str::to_owned),
            "ENV" => {
                for variable in variables(source, &entry.node, |text| self.substitute(text, arguments)) {
                    self.variables.retain(|present| present.name != variable.name);
                    self.variables.push(variable);
                }
            }
            "COPY" | "ADD" => self.copies.extend(copied(&entry.node, documents, self.folder.as_deref())),
            "WORKDIR" => {
                let folder = entry.node.text().unwrap_or_default().trim_matches(['"', '\'']);
                let folder = self.substitute(folder, arguments);
                self.folder = folder.and_then(|folder| in_folder(self.folder.as_deref(), &folder));
            }
            "RUN" => self.packages.extend(packages(&entry.node)),
            _ => {}
        }
    }

    /// Replaces variables, which take precedence over arguments.
    fn substitute(&self, text: &str, arguments: &[Argument]) -> Option<String> {
        let find = |name: &str| match self.variables.iter().find(|variable| variable.name == name) {
            Some(variable) => Some(variable.value.clone()),
            None => find_argument(arguments, name),
        };
        substitute(text, find)
    }
}

/// Returns the default of an argument, if there is one of that name.
fn find_argument(arguments: &[Argument], name: &str) -> Option<Option<String>> {
    let argument = arguments.iter().rev().find(|argument| argument.name == name);
    argument.map(|argument| argument.default.clone())
}

/// Reads the exec form or the shell form.
fn command(node: &Node) -> Option<Command> {
    let place = node.place;
    match node.text() {
        Some("") => None,
        Some(script) => {
            let words = vec![Word { text: script.to_owned(), place }];
            Some(Command { words, is_shell_form: true, place })
        }
        None => {
            let word = |item: &Node| Some(Word { text: item.text()?.to_owned(), place: item.place });
            let words: Vec<Word> = node.items().iter().filter_map(word).collect();
            (!words.is_empty()).then_some(Command { words, is_shell_form: false, place })
        }
    }
}

/// Reads what is copied from the context of the build or from here documents, rather than from another stage.
fn copied(node: &Node, documents: &[Entry], folder: Option<&str>) -> Vec<Copied> {
    let listed: Vec<&str> = node.items().iter().filter_map(Node::text).collect();
    let words = node.text().map_or(listed, |text| text.split_whitespace().collect());
    let (options, mut files): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| word.starts_with("--"));
    let Some(to) = files.pop().filter(|_| !options.iter().any(|option| option.starts_with("--from"))) else {
        return Vec::new();
    };
    let is_folder = to.ends_with('/') || to.ends_with("/.") || to == ".";
    let mut to = in_folder(folder, to).unwrap_or_else(|| to.to_owned());
    if is_folder && !to.ends_with('/') {
        to.push('/');
    }
    files.retain(|file| !file.starts_with("<<"));
    let inline = documents.iter().map(|document| Copied {
        from: Vec::new(),
        to: if to.ends_with('/') { format!("{to}{}", document.key) } else { to.clone() },
        text: document.node.text().map(|text| Word { text: text.to_owned(), place: document.node.place }),
    });
    let from: Vec<String> = files.into_iter().map(str::to_owned).collect();
    let of_context = (!from.is_empty()).then(|| Copied { from, to: to.clone(), text: None });
    inline.chain(of_context).collect()
}

/// Returns a path in the image. `None` for a relative one below a folder that is not known: the base image may set it.
fn in_folder(folder: Option<&str>, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    let folder = folder?.trim_end_matches('/');
    Some(format!("{folder}/{}", path.trim_start_matches("./").trim_end_matches('.')))
}

/// Returns the packages that `apt-get install`, `apk add`, `yum install` and the like name.
fn packages(run: &Node) -> Vec<Word> {
    let text = run.text().unwrap_or_default();
    let installs = ["apt-get", "apt", "apk", "yum", "dnf", "microdnf"];
    let commands = text.split(['&', ';', '|']).map(|command| command.split_whitespace().collect::<Vec<_>>());
    commands
        .filter(|words| {
            words.iter().any(|word| installs.contains(word))
                && words.iter().any(|word| matches!(*word, "install" | "add"))
        })
        .flat_map(|words| words.into_iter().map(str::to_owned).collect::<Vec<_>>())
        .map(|text| Word { text, place: run.place })
        .collect()
}

/// Replaces `$NAME`, `${NAME}` and `${NAME:-default}` by what is found. `None` if a value is not known.
fn substitute(text: &str, find: impl Fn(&str) -> Option<Option<String>>) -> Option<String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        let (name, default, after) = match after.strip_prefix('{') {
            Some(inside) => {
                let (variable, after) = inside.split_once('}')?;
                let (name, default) = variable
                    .split_once(":-")
                    .map_or((variable, None), |(name, default)| (name, Some(default)));
                (name, default, after)
            }
            None => {
                let end = after
                    .find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
                    .unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                (name, None, after)
            }
        };
        result.push_str(&find(name).flatten().or(default.map(str::to_owned))?);
        rest = after;
    }
    result.push_str(rest);
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_replaced_by_their_defaults() {
        let arguments = [Argument { name: "TAG".to_owned(), default: Some("22".to_owned()) }];
        let all = ["node:$TAG", "node:${TAG}-slim", "${REG:-x}/y", "node:$OTHER", "a${"]
            .map(|text| substitute(text, |name| find_argument(&arguments, name)));
        assert_eq!(
            all,
            [Some("node:22".to_owned()), Some("node:22-slim".to_owned()), Some("x/y".to_owned()), None, None]
        );
    }
}
