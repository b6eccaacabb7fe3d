use std::time::Duration;

use super::{Script, Separator, Simple};
use crate::knowledge::Shell;

/// The shells that stay as the parent of the program that a script runs, instead of being replaced by it.
///
/// As process 1 of a container such a shell ignores SIGTERM and does not pass it on. Measured with dash 0.5.12, busybox ash 1.35
/// and bash 5.2 (PLATFORMS.md, A.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShellsThatStay {
    /// dash only: bash and busybox ash execute the last command in place.
    Dash,
    /// dash and bash: the program's output is redirected.
    DashAndBash,
    /// All three.
    All,
}

impl ShellsThatStay {
    pub(crate) fn includes(self, shell: Shell) -> bool {
        match self {
            Self::Dash => shell == Shell::Dash,
            Self::DashAndBash => shell != Shell::Ash,
            Self::All => true,
        }
    }
}

/// Commands that prepare or end something and do not serve.
const SHORT: [&str; 34] = [
    "cd", "export", "set", "unset", "echo", "printf", "true", "false", "exit", ":", ".", "source", "test",
    "[", "[[", "mkdir", "chmod", "chown", "umask", "ulimit", "rm", "cp", "mv", "ln", "touch", "cat", "sleep",
    "wait", "ls", "read", "sed", "date", "env", "id",
];

/// Returns which shells stay in front of the program of a script. `None`: every shell is replaced, the script handles signals
/// itself, it runs nothing that lasts, or this check cannot tell.
pub(crate) fn shells_that_stay(text: &str) -> Option<ShellsThatStay> {
    let script = Script::read(text);
    let execs = |command: &Simple| command.program() == Some("exec") && command.words.len() > 1;
    if script.runs("trap") || script.commands.iter().any(execs) || text.contains("<<") {
        return None;
    }
    if script.has_keyword(&["while", "until", "for"]) {
        // A loop that only passes the time has nothing to lose.
        let works =
            script.commands.iter().any(|command| command.program().is_some_and(|program| !is_short(program)));
        return works.then_some(ShellsThatStay::All);
    }
    if script.has_keyword(&["if", "case", "{", "(", "function", "!"]) {
        return None;
    }
    let at = script
        .commands
        .iter()
        .rposition(|command| command.program().is_some_and(|program| !is_short(program)))?;
    let program = script.commands.get(at)?;
    if is_idle(program) {
        return None;
    }
    let is_last = at.saturating_add(1) == script.commands.len();
    let is_piped = at
        .checked_sub(1)
        .and_then(|before| script.commands.get(before))
        .is_some_and(|command| command.separator == Separator::Pipe);
    Some(match (is_last, program.separator) {
        // The shell ends before the program does, and the container with it.
        (true, Separator::Background) => return None,
        _ if !is_last || is_piped => ShellsThatStay::All,
        _ if program.redirects => ShellsThatStay::DashAndBash,
        _ => ShellsThatStay::Dash,
    })
}

/// Returns how long a script sleeps at least: the sum of its `sleep` commands with a literal time. `None` if it has none that
/// always runs.
pub(crate) fn least_sleep(text: &str) -> Option<Duration> {
    let script = Script::read(text);
    if script.commands.iter().any(|command| !command.keywords.is_empty()) {
        return None;
    }
    let mut sum: Option<Duration> = None;
    let mut always = true;
    for command in &script.commands {
        if command.program() == Some("sleep") && always && command.separator != Separator::Background {
            let time = command
                .words
                .iter()
                .skip(1)
                .try_fold(Duration::ZERO, |sum, word| sum.checked_add(sleep_time(word)?))?;
            sum = Some(sum.unwrap_or_default().saturating_add(time));
        }
        // What follows `||` runs only after a failure.
        always = command.separator != Separator::Or;
    }
    sum
}

/// Parses an operand of `sleep`: a number with an optional unit.
fn sleep_time(word: &str) -> Option<Duration> {
    let (number, unit) = match word.char_indices().last()? {
        (at, unit) if unit.is_ascii_alphabetic() => (word.get(..at)?, unit),
        _ => (word, 's'),
    };
    let factor = match unit {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3600.0,
        'd' => 86_400.0,
        _ => return None,
    };
    let is_number = number.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    is_number.then_some(())?;
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * factor).ok()
}

fn is_short(program: &str) -> bool {
    SHORT.contains(&program)
}

/// Programs that only wait, so that killing them loses nothing.
fn is_idle(command: &Simple) -> bool {
    command.program() == Some("tail") && command.words.iter().any(|word| word == "/dev/null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measured_table_holds() {
        for (script, expected) in [
            ("app", Some(ShellsThatStay::Dash)),
            ("FOO=1 app", Some(ShellsThatStay::Dash)),
            ("cd x && app", Some(ShellsThatStay::Dash)),
            ("true && app", Some(ShellsThatStay::Dash)),
            ("export A=1; app", Some(ShellsThatStay::Dash)),
            ("app > file", Some(ShellsThatStay::DashAndBash)),
            ("app; true", Some(ShellsThatStay::All)),
            ("app | cat", Some(ShellsThatStay::All)),
            ("exec app", None),
        ] {
            assert_eq!(shells_that_stay(script), expected, "{script}");
        }
    }

    #[test]
    fn scripts_that_handle_signals_or_serve_nothing_are_left_alone() {
        for script in [
            "trap 'kill $PID' TERM; app & PID=$!; wait",
            "migrate && exec app",
            "sleep infinity",
            "tail -f /dev/null",
            "if [ -n \"$X\" ]; then app; fi",
            "while true; do sleep 30; done",
            "",
        ] {
            assert_eq!(shells_that_stay(script), None, "{script}");
        }
        assert_eq!(shells_that_stay("while true; do sync-it; sleep 30; done"), Some(ShellsThatStay::All));
        assert_eq!(shells_that_stay("app & wait"), Some(ShellsThatStay::All));
    }

    #[test]
    fn literal_sleeps_are_summed() {
        for (script, seconds) in [
            ("sleep 5", Some(5)),
            ("sleep 5; nginx -s quit; sleep 1m", Some(65)),
            ("/bin/sleep 5s && true", Some(5)),
            ("check || sleep 5", None),
            ("sleep $T", None),
            ("while x; do sleep 1; done", None),
            ("nginx -s quit", None),
            ("sleep infinity", None),
        ] {
            assert_eq!(least_sleep(script), seconds.map(Duration::from_secs), "{script}");
        }
    }
}
