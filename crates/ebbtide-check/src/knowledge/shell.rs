use std::time::Duration;

use super::{Script, Separator, ends};
use crate::knowledge::Shell;

/// The shells that stay as the parent of the program that a script runs, instead of being replaced by it.
///
/// As process 1 of a container such a shell ignores SIGTERM and does not pass it on. Measured with dash 0.5.12, busybox ash 1.35
/// and bash 5.2 (PLATFORMS.md, A.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// Returns which shells stay in front of the program of a script. `None`: every shell is replaced, the script handles signals
/// itself, it runs nothing that lasts, or this check cannot tell.
///
/// The last command counts, and each branch of it: what runs before it has ended.
pub(crate) fn shells_that_stay(text: &str) -> Option<ShellsThatStay> {
    ends(&Script::read(text), None).into_iter().filter_map(|end| end.stays).max()
}

/// Returns how long a script certainly sleeps: the sum of its `sleep` commands with a literal time that run whatever the other commands
/// return. `None` if it has none of them, or if this check cannot tell.
pub(crate) fn least_sleep(text: &str) -> Option<Duration> {
    let script = Script::read(text);
    if script.commands.iter().any(|command| command.is_nested) {
        return None;
    }
    let mut sum: Option<Duration> = None;
    // Whether the script is still running, and whether the command runs in it.
    let (mut lasts, mut is_certain) = (true, true);
    for command in &script.commands {
        let program = command.program().unwrap_or_default();
        if program == "sleep" && lasts && is_certain && command.separator != Separator::Background {
            let time = command
                .words
                .iter()
                .skip(1)
                .try_fold(Duration::ZERO, |sum, word| sum.checked_add(sleep_time(word)?))?;
            sum = Some(sum.unwrap_or_default().saturating_add(time));
        }
        lasts &= !matches!(program, "exit" | "exec" | "return");
        is_certain = match command.separator {
            // These succeed, so that what follows `&&` runs.
            Separator::And => is_certain && matches!(program, "sleep" | "true" | ":" | "echo"),
            Separator::Or => false,
            Separator::Pipe => is_certain,
            Separator::Sequence | Separator::Background => true,
        };
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
            "while true; do sleep 30; done",
            "",
        ] {
            assert_eq!(shells_that_stay(script), None, "{script}");
        }
        assert_eq!(shells_that_stay("while true; do sync-it; sleep 30; done"), Some(ShellsThatStay::All));
        assert_eq!(shells_that_stay("app & wait"), Some(ShellsThatStay::All));
        assert_eq!(shells_that_stay("trap cleanup EXIT; app"), Some(ShellsThatStay::Dash));
    }

    /// The last command counts, wherever `exec` is before it.
    #[test]
    fn what_comes_before_the_last_command_does_not_hide_it() {
        use ShellsThatStay::{All, Dash, DashAndBash};
        for (script, expected) in [
            ("if [ -n \"$X\" ]; then migrate; fi\napp", Some(Dash)),
            ("if [ \"$1\" = x ]; then exec x; fi\napp", Some(Dash)),
            ("for f in /d/*; do . \"$f\"; done; app", Some(Dash)),
            ("case $X in a) b;; *) c;; esac\nexec app", None),
            ("while ! nc -z db 1; do sleep 1; done; app", Some(Dash)),
            ("cat <<EOF > conf\nexec x\nEOF\napp", Some(Dash)),
            ("f() { exec x; }\napp", Some(Dash)),
            ("f() { exec app; }\nf", None),
            ("f() { app; }\nf", Some(All)),
            ("main() { if x; then exec a; fi; exec b; }; main \"$@\"", None),
            ("if x; then exec a; else exec b; fi", None),
            ("if x; then exec a; else b; fi", Some(DashAndBash)),
            ("if x; then exec a; fi", None),
            ("if [ -n \"$X\" ]; then app; fi", Some(DashAndBash)),
            ("case $1 in a) exec b;; *) exec \"$@\"; esac", None),
            ("case $1 in a) b;; *) exec \"$@\"; esac", Some(DashAndBash)),
            ("{ a; b; }", Some(DashAndBash)),
            ("(exec app)", Some(DashAndBash)),
            ("exec app | tee log", Some(All)),
            ("exec app & wait", Some(All)),
            ("exec app &", None),
            ("app & exec other", None),
            ("test -f x && exec app", None),
            ("exec app || exit 1", None),
            ("exec > log 2>&1\napp", Some(Dash)),
            ("exec > >(tee log) 2>&1\nexec app", None),
            ("[[ $A && -n $B ]] && export C=1\napp", Some(Dash)),
            ("migrate\nif x; then echo y; fi", None),
            ("app & pid=$!\nif x; then echo y; fi\nwait $pid", Some(All)),
            (". /run.sh", None),
            ("eval \"$CMD\"", None),
            ("if x; then app", None),
        ] {
            assert_eq!(shells_that_stay(script), expected, "{script}");
        }
    }

    #[test]
    fn the_arguments_decide_which_branch_of_a_script_runs() {
        let found = |script: &str, arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
            let ends = ends(&Script::read(script), Some(&arguments));
            ends.into_iter().map(|end| end.command.words.join(" ")).collect::<Vec<_>>()
        };
        let case = "case \"$1\" in\nweb) exec gunicorn ;;\nmigrate|load*) manage ;;\n*) exec \"$@\" ;;\nesac";
        assert_eq!(found(case, &["web"]), ["exec gunicorn"]);
        assert_eq!(found(case, &["load-all"]), ["manage"]);
        assert_eq!(found(case, &["npm", "start"]), ["exec $@"]);
        assert_eq!(found(case, &[]), ["exec gunicorn", "manage", "exec $@"]);
        assert_eq!(found(&format!("shift\n{case}"), &["web"]).len(), 3);
        let test = "if [ \"$1\" = 'web' ]; then exec a; else b; fi";
        assert_eq!(
            (found(test, &["web"]), found(test, &["x"])),
            (vec!["exec a".to_owned()], vec!["b".to_owned()])
        );
        let main = "main() {\n  if [ \"$1\" = a ]; then exec a; fi\n  exec \"$@\"\n}\nmain \"$@\"";
        assert_eq!(found(main, &["b"]), ["exec $@"]);
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
            ("pgrep -x puma && sleep 40 || true", None),
            ("test -e /x && sleep 100 || sleep 5", None),
            ("nginx -s quit && sleep 5; sleep 10", Some(10)),
            ("echo draining && sleep 5 && sleep 10", Some(15)),
            ("sleep 5 || true && sleep 10", Some(5)),
            ("sleep 2; exit 0; sleep 90", Some(2)),
            ("sleep 2; test -e /x || exit 0; sleep 90", Some(2)),
            ("sleep 2; exec nginx -s quit; sleep 90", Some(2)),
        ] {
            assert_eq!(least_sleep(script), seconds.map(Duration::from_secs), "{script}");
        }
    }
}
