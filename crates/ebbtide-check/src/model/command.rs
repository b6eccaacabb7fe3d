use crate::input::Place;

/// A command line that a platform runs.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// The words after quotes and escapes are resolved. A shell form has one, its script.
    pub(crate) words: Vec<Word>,
    /// Whether the platform runs it with `/bin/sh -c`.
    pub(crate) is_shell_form: bool,
    pub(crate) place: Place,
}

/// A process that runs as process 1 in front of the program, passes signals on and reaps orphans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Init {
    /// Whether it signals every process of the group rather than its child alone.
    pub(crate) signals_group: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) place: Place,
}

impl Command {
    /// Returns the words as text.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.words.iter().map(|word| word.text.as_str()).collect()
    }

    /// Returns the name of the program without its folder, past `env`, `nice` and the like, which it replaces.
    pub(crate) fn program(&self) -> Option<&str> {
        let word = self.words.get(self.start())?;
        (!self.is_shell_form).then(|| base_name(&word.text))
    }

    /// Returns the words from the program on. A shell form has none.
    pub(crate) fn program_words(&self) -> &[Word] {
        let words = if self.is_shell_form { None } else { self.words.get(self.start()..) };
        words.unwrap_or_default()
    }

    /// Returns the index of the program's word.
    fn start(&self) -> usize {
        let mut at = 0_usize;
        while let Some(word) = self.words.get(at) {
            let operands = match base_name(&word.text) {
                "env" | "nice" | "nohup" => 0,
                "gosu" | "su-exec" => 1,
                _ => break,
            };
            at = at.saturating_add(1);
            while let Some(word) =
                self.words.get(at).filter(|word| word.text.starts_with('-') || word.text.contains('='))
            {
                let has_operand = matches!(word.text.as_str(), "-n" | "-u" | "-C");
                at = at.saturating_add(1).saturating_add(usize::from(has_operand));
            }
            at = at.saturating_add(operands);
        }
        at
    }

    /// Returns the command after an init process such as tini, and that init.
    pub(crate) fn without_init(&self) -> (Option<Init>, Self) {
        let mut command = self.clone();
        let init = match self.program() {
            Some("tini" | "tini-static" | "docker-init") => Init { signals_group: false },
            Some("dumb-init" | "catatonit" | "s6-svscan") => Init { signals_group: true },
            _ => return (None, command),
        };
        command.words.drain(..=self.start().min(command.words.len().saturating_sub(1)));
        let mut init = init;
        while let Some(word) = command.words.first().filter(|word| word.text.starts_with('-')) {
            let (option, is_last) = (word.text.clone(), word.text == "--");
            command.words.remove(0);
            // `-e CODE` has an operand, and letters may be in one word: `-vg`.
            if option == "-e" || option == "-p" {
                command.words.drain(..command.words.len().min(1));
            } else if !option.starts_with("--") && option.contains('g') {
                init.signals_group = true;
            }
            if is_last {
                break;
            }
        }
        (Some(init), command)
    }

    /// Returns the script that a shell runs, with the word that has it: that of the shell form, or that after `sh -c`.
    pub(crate) fn script(&self) -> Option<&Word> {
        if self.is_shell_form {
            return self.words.first();
        }
        if !is_shell(self.program()?) {
            return None;
        }
        let mut words = self.words.iter().skip(self.start().saturating_add(1));
        let option = words.find(|word| !is_option_without_script(&word.text))?;
        let has_script = option.text.starts_with('-') && option.text.ends_with('c');
        has_script.then(|| words.next()).flatten()
    }
}

/// Returns a path's last component.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_shell(program: &str) -> bool {
    matches!(program, "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh")
}

/// Options before `-c`, such as `-e` and `-x`.
fn is_option_without_script(word: &str) -> bool {
    word.starts_with('-') && !word.ends_with('c')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Sources;

    fn script(words: &[&str]) -> Option<String> {
        let place = Place::new(Sources::new().add("a", ""), 0, 0);
        let words = words.iter().map(|text| Word { text: (*text).to_owned(), place }).collect();
        Command { words, is_shell_form: false, place }.script().map(|word| word.text.clone())
    }

    #[test]
    fn the_script_of_a_shell_is_the_word_after_its_c() {
        for words in [
            &["sh", "-c", "x"][..],
            &["/bin/bash", "-e", "-c", "x"],
            &["sh", "-ec", "x", "y"],
            &["env", "-i", "A=1", "bash", "-c", "x"],
            &["gosu", "app", "sh", "-c", "x"],
        ] {
            assert_eq!(script(words).as_deref(), Some("x"), "{words:?}");
        }
        for words in
            [&["sh", "x.sh"][..], &["python", "-c", "x"], &["sh"], &["sh", "-c"], &["env"], &["gosu"], &[]]
        {
            assert_eq!(script(words), None, "{words:?}");
        }
    }
}
