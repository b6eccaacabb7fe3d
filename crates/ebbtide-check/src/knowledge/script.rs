use std::iter::Peekable;
use std::str::Chars;

/// A shell script as a list of simple commands. It is read as far as the rules need: nothing is expanded.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) commands: Vec<Simple>,
}

/// A simple command.
#[derive(Debug, Default)]
pub(crate) struct Simple {
    /// The words without quotes, after assignments and keywords such as `then` and `do`.
    pub(crate) words: Vec<String>,
    /// The keyword before the words: `if`, `while`, `then`, `{` and so on.
    pub(crate) keywords: Vec<String>,
    pub(crate) redirects: bool,
    pub(crate) separator: Separator,
}

/// What is between a simple command and the next.
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

const KEYWORDS: [&str; 16] = [
    "if", "then", "elif", "else", "fi", "while", "until", "for", "do", "done", "case", "esac", "{", "}", "!",
    "function",
];

impl Script {
    /// Reads a script.
    pub(crate) fn read(text: &str) -> Self {
        let mut reader = Reader {
            letters: text.chars().peekable(),
            script: Self::default(),
            command: Simple::default(),
            word: None,
        };
        reader.read();
        reader.script
    }

    /// Returns whether a keyword begins any of its commands.
    pub(crate) fn has_keyword(&self, keywords: &[&str]) -> bool {
        self.commands
            .iter()
            .flat_map(|command| &command.keywords)
            .any(|keyword| keywords.contains(&keyword.as_str()))
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
}

struct Reader<'t> {
    letters: Peekable<Chars<'t>>,
    script: Script,
    command: Simple,
    word: Option<String>,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(letter) = self.letters.next() {
            match letter {
                '\\' => match self.letters.next() {
                    Some('\n') | None => {}
                    Some(next) => self.push(next),
                },
                '\'' => self.quoted('\''),
                '"' => self.quoted('"'),
                '`' => self.quoted('`'),
                '$' if self.letters.peek() == Some(&'(') => self.substitution(),
                '#' if self.word.is_none() => while self.letters.next_if(|next| *next != '\n').is_some() {},
                '>' | '<' => self.redirection(),
                '&' if self.letters.next_if_eq(&'&').is_some() => self.end_command(Separator::And),
                '&' if self.letters.peek() == Some(&'>') => {}
                '&' => self.end_command(Separator::Background),
                '|' if self.letters.next_if_eq(&'|').is_some() => self.end_command(Separator::Or),
                '|' => {
                    self.letters.next_if_eq(&'&');
                    self.end_command(Separator::Pipe);
                }
                ';' | '\n' => {
                    self.letters.next_if_eq(&';');
                    self.end_command(Separator::Sequence);
                }
                '(' | ')' if self.word.is_none() => self.command.keywords.push(letter.to_string()),
                _ if letter.is_whitespace() => self.end_word(),
                _ => self.push(letter),
            }
        }
        self.end_command(Separator::Sequence);
    }

    fn push(&mut self, letter: char) {
        self.word.get_or_insert_default().push(letter);
    }

    fn quoted(&mut self, quote: char) {
        self.word.get_or_insert_default();
        while let Some(letter) = self.letters.next() {
            match letter {
                _ if letter == quote => return,
                '\\' if quote != '\'' => {
                    if let Some(next) = self.letters.next() {
                        self.push(next);
                    }
                }
                _ => self.push(letter),
            }
        }
    }

    /// Reads `$( … )` into the word, as it is written.
    fn substitution(&mut self) {
        self.push('$');
        let mut depth = 0_usize;
        while let Some(letter) = self.letters.next() {
            self.push(letter);
            match letter {
                '(' => depth = depth.saturating_add(1),
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Leaves out the sign and the target of a redirection, and the number before it.
    fn redirection(&mut self) {
        if self.word.as_ref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        self.command.redirects = true;
        while self.letters.next_if(|next| matches!(next, '>' | '<' | '&' | '|' | ' ')).is_some() {}
        while self.letters.next_if(|next| !next.is_whitespace() && !matches!(next, ';' | '|' | '&')).is_some()
        {
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        let command = &mut self.command;
        if command.words.is_empty() && KEYWORDS.contains(&word.as_str()) {
            command.keywords.push(word);
        } else if !(command.words.is_empty() && is_assignment(&word)) {
            command.words.push(word);
        }
    }

    fn end_command(&mut self, separator: Separator) {
        self.end_word();
        let mut command = std::mem::take(&mut self.command);
        command.separator = separator;
        if !command.words.is_empty() || !command.keywords.is_empty() {
            self.script.commands.push(command);
        }
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    })
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
        assert_eq!(words("a \\\n b"), [["a", "b"]]);
    }

    #[test]
    fn keywords_are_apart_from_the_words() {
        let script = Script::read("while true; do sync; sleep 5; done");
        assert!(script.has_keyword(&["while"]));
        assert!(script.runs("sync") && script.runs("sleep"));
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for text in ["", "'", "\"\\", "$(", "((", "a >", "&&&&", "`", "| | |", "\u{0}"] {
            let _ = Script::read(text);
        }
    }
}
