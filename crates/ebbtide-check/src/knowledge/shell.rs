use std::time::Duration;

use super::{Script, Separator, Simple, ends};
use crate::knowledge::Shell;
use crate::model::UNBOUNDED;

/// The shells that stay as the parent of the program that a script runs, instead of being replaced by it. dash always does.
///
/// As process 1 of a container such a shell ignores SIGTERM and does not pass it on. `shells.txt` has what was measured with dash 0.5.12, busybox
/// ash 1.35 and bash 5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShellsThatStay {
    pub(crate) ash: bool,
    pub(crate) bash: bool,
}

impl ShellsThatStay {
    /// dash only: bash and busybox ash execute the last command in place.
    pub(crate) const DASH: Self = Self { ash: false, bash: false };
    pub(crate) const DASH_AND_BASH: Self = Self { ash: false, bash: true };
    pub(crate) const ALL: Self = Self { ash: true, bash: true };

    pub(crate) fn includes(self, shell: Shell) -> bool {
        match shell {
            Shell::Dash => true,
            Shell::Ash => self.ash,
            Shell::Bash => self.bash,
        }
    }

    /// Returns the shells of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { ash: self.ash || other.ash, bash: self.bash || other.bash }
    }
}

/// Returns which shells stay in front of the program of a script. `None`: every shell is replaced, the script handles signals
/// itself, it runs nothing that lasts, or this check cannot tell.
///
/// The last command counts, and each branch of it: what runs before it has ended.
pub(crate) fn shells_that_stay(text: &str) -> Option<ShellsThatStay> {
    let script = Script::read(text);
    let stays = ends(&script, None).into_iter().filter_map(|end| end.stays).reduce(ShellsThatStay::and)?;
    Some(stays.and(at_the_end(&script)))
}

/// Returns which shells stay in front of the last command because of what is after it or of a handler. Measured: bash looks for another command
/// after the line end, and busybox ash after the command.
fn at_the_end(script: &Script) -> ShellsThatStay {
    let traps = script.commands.iter().any(|command| {
        let action = command.words.get(1).map(String::as_str);
        command.program() == Some("trap") && !matches!(action, None | Some("-" | ""))
    });
    let rest = script.tail.trim_start_matches([' ', '\t']);
    let rest = if rest.starts_with('#') { rest.trim_start_matches(|letter| letter != '\n') } else { rest };
    let is_read = rest.is_empty() || rest == "\n" || script.has_documents;
    ShellsThatStay { ash: traps || script.tail.contains('\n'), bash: traps || !is_read }
}

/// Returns how long a script certainly sleeps: the sum of its `sleep` commands with a literal time that run whatever the other commands
/// return. `None` if it has none of them, or if this check cannot tell. With `is_strict`, or after `set -e`, a command that fails ends the script.
pub(crate) fn least_sleep(text: &str, is_strict: bool) -> Option<Duration> {
    let script = Script::read(text);
    if script.commands.iter().any(|command| command.is_nested) {
        return None;
    }
    let mut sum: Option<Duration> = None;
    // Whether the script is still running, and whether the command runs in it.
    let (mut lasts, mut is_certain, mut is_strict) = (true, true, is_strict);
    for command in &script.commands {
        let program = command.program().unwrap_or_default();
        let is_run = lasts && is_certain && command.separator != Separator::Background;
        if let Some(time) = wait_of(command).filter(|_| is_run) {
            sum = Some(sum.unwrap_or_default().saturating_add(time?));
        }
        lasts &= !matches!(program, "exit" | "exec" | "return");
        // Of a list with `&&` or `||` the last command decides.
        let is_last = matches!(command.separator, Separator::Sequence);
        lasts &= !(is_strict && is_last && !matches!(program, "sleep" | "true" | ":" | "echo" | "set"));
        is_strict |= program == "set" && command.words.iter().skip(1).any(|word| is_errexit(word));
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

/// Returns whether an option of a shell, or of its `set`, ends the script at the first command that fails: `-e`, `-eu`, `-o errexit`.
pub(crate) fn is_errexit(option: &str) -> bool {
    option == "errexit" || (option.starts_with('-') && !option.starts_with("--") && option.contains('e'))
}

/// Returns how long a command waits, if it does nothing else: `sleep 5`, and `tail -f /dev/null`, which goes on until it is killed. Nothing in it if
/// that is not known.
fn wait_of(command: &Simple) -> Option<Option<Duration>> {
    let mut words = command.words.iter().map(String::as_str).skip_while(|word| *word == "exec");
    let operands: Vec<&str> = match words.next()?.rsplit('/').next()? {
        "sleep" => {
            let sum = words.try_fold(Duration::ZERO, |sum, word| Some(sum.saturating_add(sleep_time(word)?)));
            return Some(sum);
        }
        "tail" => words.collect(),
        _ => return None,
    };
    let has = |own: &[&str]| operands.iter().any(|word| own.contains(word));
    (has(&["-f", "-F", "--follow"]) && has(&["/dev/null"])).then_some(Some(UNBOUNDED))
}

/// Parses an operand of `sleep`: a number with an optional unit.
fn sleep_time(word: &str) -> Option<Duration> {
    // GNU coreutils and the shells of busybox have both.
    if matches!(word, "inf" | "infinity") {
        return Some(UNBOUNDED);
    }
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

    /// Each line has what dash, busybox ash and bash do, and the script.
    #[test]
    fn the_measured_table_holds() {
        let lines = include_str!("shells.txt").lines().filter(|line| !line.starts_with('#'));
        let mut count = 0;
        for (shells, script) in lines.map(|line| line.split_once(" | ").unwrap()) {
            // These are left out: they may run anything, or set a handler.
            if ["eval", "trap '' TERM"].iter().any(|begin| script.starts_with(begin)) {
                continue;
            }
            let measured: Vec<bool> = shells.split_whitespace().map(|shell| shell == "stays").collect();
            let &[dash, ash, bash] = measured.as_slice() else { panic!("{shells}") };
            let expected = dash.then_some(ShellsThatStay { ash, bash });
            assert_eq!(shells_that_stay(&script.replace("\\n", "\n")), expected, "{script}");
            count += 1;
        }
        assert!(count > 150, "{count}");
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
        assert_eq!(shells_that_stay("while true; do sync-it; sleep 30; done"), Some(ShellsThatStay::ALL));
        assert_eq!(shells_that_stay("app & wait"), Some(ShellsThatStay::ALL));
        assert_eq!(shells_that_stay("trap cleanup EXIT; app"), Some(ShellsThatStay::ALL));
    }

    /// The last command counts, wherever `exec` is before it.
    #[test]
    fn what_comes_before_the_last_command_does_not_hide_it() {
        const DASH: Option<ShellsThatStay> = Some(ShellsThatStay::DASH);
        const DASH_AND_BASH: Option<ShellsThatStay> = Some(ShellsThatStay::DASH_AND_BASH);
        const ALL: Option<ShellsThatStay> = Some(ShellsThatStay::ALL);
        for (script, expected) in [
            ("if [ -n \"$X\" ]; then migrate; fi\napp", DASH),
            ("if [ \"$1\" = x ]; then exec x; fi\napp", DASH),
            ("for f in /d/*; do . \"$f\"; done; app", DASH),
            ("case $X in a) b;; *) c;; esac\nexec app", None),
            ("while ! nc -z db 1; do sleep 1; done; app", DASH),
            ("cat <<EOF > conf\nexec x\nEOF\napp", DASH),
            ("f() { exec x; }\napp", DASH),
            ("f() { exec app; }\nf", None),
            ("f() { app; }\nf", ALL),
            ("main() { if x; then exec a; fi; exec b; }; main \"$@\"", None),
            ("if x; then exec a; else exec b; fi", None),
            ("if x; then exec a; else b; fi", DASH_AND_BASH),
            ("if x; then exec a; fi", None),
            ("if [ -n \"$X\" ]; then app; fi", DASH_AND_BASH),
            ("case $1 in a) exec b;; *) exec \"$@\"; esac", None),
            ("case $1 in a) b;; *) exec \"$@\"; esac", DASH_AND_BASH),
            ("{ a; b; }", DASH_AND_BASH),
            ("(exec app)", DASH_AND_BASH),
            ("exec app | tee log", ALL),
            ("exec app & wait", ALL),
            ("exec app &", None),
            ("app & exec other", None),
            ("test -f x && exec app", None),
            ("exec app || exit 1", None),
            ("exec > log 2>&1\napp", DASH),
            ("exec > >(tee log) 2>&1\nexec app", None),
            ("[[ $A && -n $B ]] && export C=1\napp", DASH),
            ("migrate\nif x; then echo y; fi", None),
            ("app & pid=$!\nif x; then echo y; fi\nwait $pid", ALL),
            (". /run.sh", None),
            ("eval \"$CMD\"", None),
            ("if x; then app", None),
            ("env", None),
            ("env -i", None),
            ("env A=1 sleep 5", None),
            ("env -u A -- app", DASH),
            ("env -S 'A=1 app'", DASH),
            ("migrate\nenv A=1 app", DASH),
            ("[ -n \"$X\" ] && exec a || b", DASH),
            ("[ -n \"$X\" ] && a || exec b", ALL),
            ("[ -n \"$X\" ] && exec a || exec b", None),
            ("[ -n \"$X\" ] && cd a || b", DASH),
            ("[[ $X ]] && [ -d a ] && a | tee log || exec b", ALL),
            ("wait-for db && exec a || b", DASH),
            ("check || b", DASH),
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
        let early = "if [ \"$1\" = app ]; then exec app; fi\n\"$@\"";
        assert_eq!(found(early, &["app"]), ["exec app"]);
        assert_eq!(found(early, &["b"]), ["$@"]);
        assert_eq!(found(early, &[]), ["$@"]);
        let late = "case $1 in app) test -f x && exec app;; esac\n\"$@\"";
        assert_eq!(found(late, &["app"]), ["$@"]);
        let exits = "if [ \"$1\" = app ]; then app; exit $?; fi\nexec \"$@\"";
        assert_eq!(found(exits, &["app"]), ["app"]);
        assert_eq!(found("exec app\nother", &[]), ["exec app"]);
        let main = "main() {\n  if [ \"$1\" = a ]; then exec a; fi\n  exec \"$@\"\n}\nmain \"$@\"";
        assert_eq!(found(main, &["b"]), ["exec $@"]);
    }

    #[test]
    fn what_never_ends_has_no_limit() {
        for script in [
            "sleep infinity",
            "sleep inf",
            "sleep 5; sleep infinity",
            "sleep 1 infinity",
            "tail -f /dev/null",
            "echo x; exec tail -F /dev/null",
        ] {
            assert_eq!(least_sleep(script, false), Some(UNBOUNDED), "{script}");
        }
        for script in
            ["tail /dev/null", "tail -f log", "check && sleep infinity", "sleep infinity &", "sleep infinite"]
        {
            assert_eq!(least_sleep(script, false), None, "{script}");
        }
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
            ("pgrep -x puma && sleep 40 || true", None),
            ("test -e /x && sleep 100 || sleep 5", None),
            ("nginx -s quit && sleep 5; sleep 10", Some(10)),
            ("echo draining && sleep 5 && sleep 10", Some(15)),
            ("sleep 5 || true && sleep 10", Some(5)),
            ("sleep 2; exit 0; sleep 90", Some(2)),
            ("sleep 2; test -e /x || exit 0; sleep 90", Some(2)),
            ("sleep 2; exec nginx -s quit; sleep 90", Some(2)),
            ("sleep 2; exec sleep 3", Some(5)),
        ] {
            assert_eq!(least_sleep(script, false), seconds.map(Duration::from_secs), "{script}");
        }
    }
}
