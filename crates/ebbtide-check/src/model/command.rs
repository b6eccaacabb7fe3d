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

    /// Returns the name of the program without its folder, past `env`, `nice`, `poetry run` and the like, which it replaces.
    pub(crate) fn program(&self) -> Option<&str> {
        let word = self.words.get(self.start())?;
        (!self.is_shell_form).then(|| base_name(&word.text))
    }

    /// Returns whether its program has the name of a script, of which what it runs is not known.
    pub(crate) fn is_script(&self) -> bool {
        self.program().is_some_and(|program| program.ends_with(".sh") || program.contains("entrypoint"))
    }

    /// Returns the words from the program on. A shell form has none.
    pub(crate) fn program_words(&self) -> &[Word] {
        let words = if self.is_shell_form { None } else { self.words.get(self.start()..) };
        words.unwrap_or_default()
    }

    /// Returns the words from the file on that runs: the program, or the file that a shell reads. A script in a word has none.
    pub(crate) fn file_words(&self) -> &[Word] {
        let words = self.program_words();
        let Some((first, rest)) = words.split_first().filter(|(first, _)| is_shell(base_name(&first.text)))
        else {
            return words;
        };
        match operand(rest.iter().map(|word| word.text.as_str())) {
            Some((false, at)) => rest.get(at..).unwrap_or_default(),
            Some((true, _)) => &[],
            None => std::slice::from_ref(first),
        }
    }

    /// Returns the index of the program's word.
    fn start(&self) -> usize {
        let mut at = 0_usize;
        while let Some(word) = self.words.get(at) {
            if let Some(run) = self.after_run_of(&PROJECT_RUNNERS, at) {
                at = run;
                continue;
            }
            let (operands, options): (usize, &[&str]) = match base_name(&word.text) {
                "env" | "nice" | "nohup" => (0, &["-n", "-u", "-C"]),
                "gosu" | "su-exec" => (1, &[]),
                "setpriv" => (0, &SETPRIV_OPTIONS),
                "stdbuf" => (0, &["-i", "-o", "-e", "--input", "--output", "--error"]),
                _ => break,
            };
            at = at.saturating_add(1);
            while let Some(word) =
                self.words.get(at).filter(|word| word.text.starts_with('-') || word.text.contains('='))
            {
                let has_operand = options.contains(&word.text.as_str());
                at = at.saturating_add(1).saturating_add(usize::from(has_operand));
            }
            at = at.saturating_add(operands);
        }
        at
    }

    /// Returns the index of the word after `RUNNER run`, if such words begin at `at`. An option before `run` may have an operand: it is
    /// left alone.
    fn after_run_of(&self, runners: &[&str], at: usize) -> Option<usize> {
        let word = |at: usize| self.words.get(at).map(|word| word.text.as_str());
        let is_runner = runners.contains(&base_name(word(at)?));
        (is_runner && word(at.saturating_add(1)) == Some("run")).then(|| at.saturating_add(2))
    }

    /// Returns the command behind `uv run`, which passes SIGTERM on to it and waits. `None`: it is another program, or an option hides the
    /// command.
    pub(crate) fn behind_uv(&self) -> Option<Self> {
        let mut at = self.after_run_of(&["uv"], self.start())?;
        while let Some(option) = self.words.get(at).map(|word| word.text.as_str()) {
            match option {
                "--" => {
                    at = at.saturating_add(1);
                    break;
                }
                _ if UV_FLAGS.contains(&option) || option.starts_with("--") && option.contains('=') => {
                    at = at.saturating_add(1);
                }
                _ if UV_OPTIONS.contains(&option) => at = at.saturating_add(2),
                // `-m` runs a module, and other options may have an operand.
                _ if option.starts_with('-') => return None,
                _ => break,
            }
        }
        let words = self.words.get(at..)?.to_vec();
        (!words.is_empty()).then_some(Self { words, ..self.clone() })
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
        self.words.get(self.script_at()?)
    }

    /// Returns the arguments of that script, which are after its name: `sh -c SCRIPT NAME ARGUMENT`.
    pub(crate) fn script_arguments(&self) -> &[Word] {
        let first = self.script_at().map(|at| at.saturating_add(2));
        first.and_then(|first| self.words.get(first..)).unwrap_or_default()
    }

    fn script_at(&self) -> Option<usize> {
        if self.is_shell_form {
            return Some(0);
        }
        if !is_shell(self.program()?) {
            return None;
        }
        let first = self.start().saturating_add(1);
        let words = self.words.get(first..)?;
        Some(first.saturating_add(script_index(words.iter().map(|word| word.text.as_str()))?))
    }
}

/// Managers of projects whose `run` replaces itself by the program: `os.execvpe` and `os.execve` in their sources, and measured.
const PROJECT_RUNNERS: [&str; 2] = ["poetry", "pipenv"];

/// Options of `setpriv` with an operand.
const SETPRIV_OPTIONS: [&str; 14] = [
    "--ambient-caps",
    "--apparmor-profile",
    "--bounding-set",
    "--egid",
    "--euid",
    "--groups",
    "--inh-caps",
    "--pdeathsig",
    "--regid",
    "--reuid",
    "--rgid",
    "--ruid",
    "--securebits",
    "--selinux-label",
];

/// Options of `uv run` without an operand.
const UV_FLAGS: [&str; 17] = [
    "--all-extras",
    "--all-groups",
    "--all-packages",
    "--exact",
    "--frozen",
    "--isolated",
    "--locked",
    "--no-default-groups",
    "--no-dev",
    "--no-editable",
    "--no-env-file",
    "--no-project",
    "--no-sync",
    "--offline",
    "--only-dev",
    "-q",
    "--quiet",
];

/// Those with one.
const UV_OPTIONS: [&str; 13] = [
    "--directory",
    "--env-file",
    "--extra",
    "--group",
    "--no-group",
    "--only-group",
    "--package",
    "--project",
    "--python",
    "-p",
    "--with",
    "--with-editable",
    "--with-requirements",
];

/// Returns a path's last component.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_shell(program: &str) -> bool {
    matches!(program, "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh")
}

/// Returns the index of the script among the words after the name of a shell: the first operand, if `-c` is among the options.
fn script_index<'w>(words: impl Iterator<Item = &'w str>) -> Option<usize> {
    operand(words).filter(|(has_script, _)| *has_script).map(|(_, at)| at)
}

/// Returns the index of the first operand among the words after the name of a shell, and whether it is a script: `-c` is among the options.
///
/// The options may be before and after `-c`, in one word or in several: `-o pipefail -c`, `-ec`, `-c -e`, `-c --`.
fn operand<'w>(words: impl Iterator<Item = &'w str>) -> Option<(bool, usize)> {
    let (mut has_script, mut operands, mut has_ended) = (false, 0_usize, false);
    for (at, word) in words.enumerate() {
        if operands > 0 {
            operands = operands.saturating_sub(1);
        } else if has_ended || !word.starts_with(['-', '+']) {
            return Some((has_script, at));
        } else if matches!(word, "-" | "--") {
            has_ended = true;
        } else if word.starts_with("--") {
            operands = usize::from(matches!(word, "--rcfile" | "--init-file" | "--emulate"));
        } else {
            // Each `o` has the name of an option, which follows the word.
            has_script |= word.starts_with('-') && word.contains('c');
            operands = word.matches(['o', 'O']).count();
        }
    }
    None
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

    fn command(line: &str) -> Command {
        let place = Place::new(Sources::new().add("a", ""), 0, 0);
        let words = line.split(' ').map(|text| Word { text: text.to_owned(), place }).collect();
        Command { words, is_shell_form: false, place }
    }

    #[test]
    fn poetry_and_pipenv_are_replaced_by_the_program() {
        for (line, program) in [
            ("poetry run gunicorn shop", "gunicorn"),
            ("/opt/bin/pipenv run env A=1 python app.py", "python"),
            ("poetry install", "poetry"),
            ("poetry -C app run gunicorn", "poetry"),
            ("uv run gunicorn", "uv"),
        ] {
            assert_eq!(command(line).program(), Some(program), "{line}");
        }
    }

    #[test]
    fn the_command_behind_uv_is_known_unless_an_option_hides_it() {
        let behind = |line: &str| command(line).behind_uv().map(|command| command.texts().join(" "));
        for (line, expected) in [
            ("uv run gunicorn shop", Some("gunicorn shop")),
            ("uv run --frozen --no-dev --extra=web gunicorn shop -w 2", Some("gunicorn shop -w 2")),
            ("uv run --with httpx -p 3.12 -- python app.py", Some("python app.py")),
            ("env A=1 uv run fastapi run", Some("fastapi run")),
            ("uv run -m gunicorn", None),
            ("uv run --new-option x", None),
            ("uv run", None),
            ("uv sync", None),
            ("gunicorn shop", None),
        ] {
            assert_eq!(behind(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn the_file_that_runs_is_the_program_or_what_a_shell_reads() {
        for (line, expected) in [
            ("./start.sh web", "./start.sh web"),
            ("bash start.sh web", "start.sh web"),
            ("/bin/sh -e -x /app/start.sh", "/app/start.sh"),
            ("env A=1 bash -o pipefail start.sh", "start.sh"),
            ("sh -c x", ""),
            ("sh", "sh"),
            ("python app.py", "python app.py"),
        ] {
            let command = command(line);
            let words: Vec<&str> = command.file_words().iter().map(|word| word.text.as_str()).collect();
            assert_eq!(words.join(" "), expected, "{line}");
        }
    }

    #[test]
    fn the_script_of_a_shell_is_the_word_after_its_c() {
        for words in [
            &["sh", "-c", "x"][..],
            &["/bin/bash", "-e", "-c", "x"],
            &["sh", "-ec", "x", "y"],
            &["env", "-i", "A=1", "bash", "-c", "x"],
            &["gosu", "app", "sh", "-c", "x"],
            &["/bin/sh", "-c", "--", "x"],
            &["bash", "-c", "-", "x"],
            &["sh", "-c", "-e", "x", "-c"],
            &["bash", "-c", "-x", "-u", "--", "x"],
            &["sh", "-ce", "x"],
            &["/bin/bash", "-o", "pipefail", "-c", "x"],
            &["bash", "-eo", "pipefail", "-c", "x"],
            &["bash", "-eoc", "pipefail", "x"],
            &["bash", "+o", "posix", "+O", "extglob", "-c", "x"],
            &["bash", "--norc", "--rcfile", "-c", "-c", "x"],
        ] {
            assert_eq!(script(words).as_deref(), Some("x"), "{words:?}");
        }
        for words in [
            &["sh", "x.sh"][..],
            &["python", "-c", "x"],
            &["sh"],
            &["sh", "-c"],
            &["sh", "-c", "--"],
            &["sh", "--", "-c", "x"],
            &["bash", "-o", "-c", "x"],
            &["sh", "-e", "x", "-c", "y"],
            &["env"],
            &["gosu"],
            &[],
        ] {
            assert_eq!(script(words), None, "{words:?}");
        }
    }
}
