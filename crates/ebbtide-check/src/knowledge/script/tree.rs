use super::parser::{self, Item, Node, Parsed};
use crate::model::base_name;

/// A shell script.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// Every simple command, in the order of the text.
    pub(crate) commands: Vec<Simple>,
    /// The commands as they are nested. `None` if the nesting is not closed.
    pub(super) body: Option<Vec<Item>>,
    /// Every assignment, in the order of the text, but those of `export` and the like last.
    pub(super) assignments: Vec<Assignment>,
    /// What is after its last command: comments and line ends.
    pub(crate) tail: String,
    /// Whether it has here documents, whose lines are in the tail if they are those of the last line.
    pub(crate) has_documents: bool,
}

/// An assignment of a variable.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) at: usize,
}

/// A simple command.
#[derive(Debug, Default, Clone)]
pub(crate) struct Simple {
    /// The words without quotes, after assignments.
    pub(crate) words: Vec<String>,
    /// Whether it is part of another command: of `if`, a loop, a group or a function.
    pub(crate) is_nested: bool,
    pub(crate) redirects: bool,
    /// Whether `!` or `time` is before it.
    pub(crate) is_modified: bool,
    pub(crate) separator: Separator,
    /// The offsets of its first word and of the end of its last one.
    pub(crate) range: (usize, usize),
}

/// What is between a command and the next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Separator {
    /// A semicolon, a line end, or the end of the script.
    #[default]
    Sequence,
    And,
    Or,
    Pipe,
    Background,
}

impl Script {
    /// Reads a script.
    pub(crate) fn read(text: &str) -> Self {
        let Parsed { body, mut assignments, is_closed, end, has_documents } = parser::parse(text);
        let mut commands = Vec::new();
        flatten(&body, false, &mut commands);
        commands.sort_by_key(|command: &Simple| command.range);
        let declares = |command: &&Simple| {
            matches!(command.program(), Some("export" | "local" | "declare" | "typeset" | "readonly"))
        };
        for command in commands.iter().filter(declares) {
            let words = command.words.iter().skip(1);
            assignments.extend(words.filter_map(|word| parser::assignment(word, command.range.0)));
        }
        let tail = text.get(end..).unwrap_or_default().to_owned();
        Self { commands, body: is_closed.then_some(body), assignments, tail, has_documents }
    }

    /// Returns whether a command with this name is in it.
    pub(crate) fn runs(&self, program: &str) -> bool {
        self.commands.iter().any(|command| command.program() == Some(program))
    }
}

impl Simple {
    /// Returns the first word, without its folder.
    pub(crate) fn program(&self) -> Option<&str> {
        self.words.first().map(|word| word.rsplit('/').next().unwrap_or(word))
    }

    /// Returns the words from the program on that `env` executes in its place: nothing behind an `env` that prints the environment.
    pub(super) fn behind_env(&self) -> &[String] {
        let mut words = self.words.as_slice();
        while let Some(("env", rest)) = words.split_first().map(|(first, rest)| (base_name(first), rest)) {
            words = rest;
            while let Some((word, rest)) = words.split_first() {
                let has_operand = matches!(word.as_str(), "-u" | "--unset" | "-C" | "--chdir");
                // The words of a program in one word.
                if matches!(word.as_str(), "-S" | "--split-string")
                    || !(word.starts_with('-') || word.contains('='))
                {
                    break;
                }
                words = if has_operand { rest.get(1..).unwrap_or_default() } else { rest };
            }
        }
        words
    }
}

fn flatten(list: &[Item], is_nested: bool, commands: &mut Vec<Simple>) {
    for item in list {
        let last = item.pipeline.len().saturating_sub(1);
        for (index, node) in item.pipeline.iter().enumerate() {
            match node {
                Node::Simple(simple) => {
                    let separator = if index < last { Separator::Pipe } else { item.separator };
                    if !simple.words.is_empty() {
                        commands.push(Simple { is_nested, separator, ..simple.clone() });
                    }
                }
                Node::Branches { conditions, bodies, .. } => {
                    for list in conditions.iter().chain(bodies) {
                        flatten(list, true, commands);
                    }
                }
                Node::Loop { condition, body } => {
                    flatten(condition, true, commands);
                    flatten(body, true, commands);
                }
                Node::Group(body) | Node::Subshell(body) | Node::Function { body, .. } => {
                    flatten(body, true, commands);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        Script::read(text).commands.into_iter().map(|command| command.words).collect()
    }

    #[test]
    fn a_script_is_split_into_simple_commands() {
        assert_eq!(words("A=1 app 'a b' \"c;d\" # end\nnext"), [vec!["app", "a b", "c;d"], vec!["next"]]);
        assert_eq!(words("a && b || c | d & e;f"), [["a"], ["b"], ["c"], ["d"], ["e"], ["f"]]);
        assert_eq!(words("x $(date; y) `a;b`"), [["x", "$(date; y)", "a;b"]]);
        assert_eq!(words("app > out.log 2>&1"), [["app"]]);
        assert_eq!(words("app &> out.log < in; b >&2 c"), [vec!["app"], vec!["b", "c"]]);
        assert_eq!(words("a \\\n b"), [["a", "b"]]);
        assert_eq!(words("a ${X:-b c} \"$(d \"e f\")\""), [["a", "${X:-b c}", "$(d \"e f\")"]]);
    }

    #[test]
    fn the_lines_of_here_documents_are_no_commands() {
        assert_eq!(
            words("cat <<EOF > x\na; b\nEOF\nc <<-'E' | d\n\tx\n\tE\ne"),
            [["cat"], ["c"], ["d"], ["e"]]
        );
        assert_eq!(words("a <<< \"b c\"\nd"), [["a"], ["d"]]);
    }

    #[test]
    fn the_parts_of_other_commands_are_nested() {
        for text in [
            "while true; do sleep 5; done",
            "if true; then\n  sleep 5\nelse true; fi",
            "case \"$1\" in\n  a|b) true ;;\n  *) sleep 5\nesac",
            "for x in a b; do true $x; sleep 5; done",
            "f() { true; sleep 5; }",
            "function f { true; sleep 5; }",
            "{ true; sleep 5; } > log",
            "(true; sleep 5)",
        ] {
            let script = Script::read(text);
            assert!(
                script.runs("true") && script.runs("sleep") && script.body.is_some(),
                "{text}: {script:?}"
            );
            assert!(script.commands.iter().all(|command| command.is_nested), "{text}: {script:?}");
        }
        assert!(!Script::read("true; sleep 5").commands.iter().any(|command| command.is_nested));
    }

    #[test]
    fn conditions_of_bash_and_arithmetic_are_one_command() {
        assert_eq!(
            words("[[ -n $A && ($B || $C) ]] && a"),
            [vec!["[[", "-n", "$A", "&&", "(", "$B", "||", "$C", ")", "]]"], vec!["a"]]
        );
        assert_eq!(words("((i++)); A=(b c) d"), [vec!["((i++))"], vec!["d"]]);
        assert_eq!(words("for ((i=0; i<3; i++)); do a; done"), [["a"]]);
    }

    #[test]
    fn a_command_has_the_place_of_its_words() {
        let text = "A=1 app 'b' > log; c";
        let commands = Script::read(text).commands;
        let found: Vec<_> = commands.iter().map(|command| &text[command.range.0..command.range.1]).collect();
        assert_eq!(found, ["app 'b'", "c"]);
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        let deep = "(".repeat(100_000);
        let nested = "if ".repeat(100_000);
        for text in [
            "",
            "'",
            "\"\\",
            "$(",
            "((",
            "a >",
            "&&&&",
            "`",
            "| | |",
            "\u{0}",
            "<<",
            "a <<EOF\nb",
            "case",
            "case a in",
            "fi",
            "done; a",
            ")",
            "}",
            "f(",
            "f()",
            "function",
            "if; then",
            ";;",
            &deep,
            &nested,
        ] {
            let _ = Script::read(text);
        }
    }
}
