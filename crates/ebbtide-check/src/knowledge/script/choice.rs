use super::parser::{Choice, Item, Node};
use super::tree::{Assignment, Script, Separator, Simple};

/// The longest chain of variables that are set to each other.
const MAX_VARIABLES: usize = 4;

/// The first argument of a script, which may decide which branches run.
#[derive(Clone, Copy)]
pub(super) struct FirstArgument<'s> {
    value: &'s str,
    assignments: &'s [Assignment],
    /// From where on the arguments are others.
    changed_at: Option<usize>,
}

impl<'s> FirstArgument<'s> {
    pub(super) fn new(script: &'s Script, arguments: &'s [String]) -> Option<Self> {
        let value = arguments.first()?;
        Some(Self { value, assignments: &script.assignments, changed_at: changed_at(script) })
    }

    /// Returns whether a branch runs, if the first argument decides it.
    pub(super) fn runs(self, index: usize, conditions: &[Vec<Item>], choice: &Choice) -> Option<bool> {
        match choice {
            Choice::Patterns { word, patterns } => {
                let pattern = |pattern: &String| match pattern.strip_suffix('*') {
                    Some(begin) if !is_pattern(begin) => Some(self.value.starts_with(begin)),
                    None if !is_pattern(pattern) => Some(pattern == self.value),
                    _ => None,
                };
                let all: Option<Vec<bool>> = patterns.get(index)?.iter().map(pattern).collect();
                all.filter(|_| self.is_in(word)).map(|all| all.contains(&true))
            }
            Choice::Conditions => self.holds(conditions.get(index)?),
        }
    }

    /// Evaluates commands that are joined by `&&` and `||`.
    fn holds(self, list: &[Item]) -> Option<bool> {
        let mut all = None;
        let mut separator = Separator::Sequence;
        for item in list {
            let own = match item.pipeline.as_slice() {
                [Node::Simple(simple)] if !simple.is_modified => self.test(simple),
                _ => None,
            };
            all = match separator {
                Separator::And => and(all, own),
                Separator::Or => or(all, own),
                Separator::Sequence | Separator::Pipe | Separator::Background => own,
            };
            separator = item.separator;
        }
        all
    }

    fn test(self, simple: &Simple) -> Option<bool> {
        let words: Vec<&str> = simple.words.iter().map(String::as_str).collect();
        let inner = match words.as_slice() {
            ["[", inner @ .., "]"] | ["[[", inner @ .., "]]"] | ["test", inner @ ..] => inner,
            _ => return None,
        };
        let all = |part: &[&str]| {
            part.split(|word| *word == "&&").map(|one| self.compare(one)).fold(Some(true), and)
        };
        inner.split(|word| *word == "||").map(all).fold(Some(false), or)
    }

    fn compare(self, words: &[&str]) -> Option<bool> {
        let &[word, sign, value] = words else { return None };
        let is_equal = match sign {
            "=" | "==" => true,
            "!=" => false,
            _ => return None,
        };
        (self.is_in(word) && !is_pattern(value)).then_some((value == self.value) == is_equal)
    }

    /// Returns whether a word is the first argument, or a variable that is set to it.
    fn is_in(self, word: &str) -> bool {
        variable(word).is_some_and(|name| match name {
            "1" => self.changed_at.is_none(),
            _ => self.is_set_to(name, MAX_VARIABLES),
        })
    }

    fn is_set_to(self, name: &str, depth: usize) -> bool {
        let is_same = |set: &Assignment| match variable(&set.value) {
            Some("1") => self.changed_at.is_none_or(|changed| set.at < changed),
            Some(other) => depth > 0 && self.is_set_to(other, depth.saturating_sub(1)),
            None => false,
        };
        // A default for itself changes nothing: `X="${X:-serve}"`.
        let mut others = self
            .assignments
            .iter()
            .filter(|set| set.name == name && variable(&set.value) != Some(name))
            .peekable();
        others.peek().is_some() && others.all(is_same)
    }
}

/// Returns where the arguments of a script are replaced first.
fn changed_at(script: &Script) -> Option<usize> {
    // What a branch changes is about other arguments, such as options alone.
    let changes = |command: &&Simple| {
        let is_set = command.program() == Some("set") && command.words.iter().any(|word| word == "--");
        !command.is_nested && (is_set || command.program() == Some("shift"))
    };
    script.commands.iter().find(changes).map(|command| command.range.0)
}

/// Returns the name of the variable that a word is, with or without a default: `$1`, `${1}`, `${1:-serve}`.
fn variable(word: &str) -> Option<&str> {
    let rest = word.strip_prefix('$')?;
    let name = match rest.strip_prefix('{') {
        Some(inner) => {
            let inner = inner.strip_suffix('}')?;
            let end = inner.find([':', '-']).unwrap_or(inner.len());
            let (name, default) = inner.split_at(end);
            let has_default = default.is_empty() || default.starts_with('-') || default.starts_with(":-");
            has_default.then_some(name)?
        }
        None => rest,
    };
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '$'])
}

fn and(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    and(one.map(|one| !one), other.map(|other| !other)).map(|neither| !neither)
}
