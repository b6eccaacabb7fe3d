use super::{Script, Separator, ShellsThatStay, Simple, shells_that_stay};

/// Words that are no programs, and that therefore cannot follow `exec`.
const BUILTINS: [&str; 14] = [
    "alias", "builtin", "command", "coproc", "declare", "eval", "exec", "function", "let", "local", "return",
    "shift", "time", "typeset",
];

/// The longest script that is looked at, and the most places in it: each is tried by reading the script again.
const MAX_SCRIPT: usize = 16 << 10;
const MAX_PLACES: usize = 16;

/// Returns the offset at which `exec ` can be put into a script so that its last command replaces the shell and nothing else changes.
/// `None` if the shell does not stay, or if that is not certain: the command is in a pipe or may be a function.
pub(crate) fn exec_offset(text: &str) -> Option<usize> {
    if text.len() > MAX_SCRIPT {
        return None;
    }
    // Where every shell stays, another command follows the program, or reads from it.
    if shells_that_stay(text)? == ShellsThatStay::All {
        return None;
    }
    let script = Script::read(text);
    let (last, before) = script.commands.split_last()?;
    let may_define = script.runs(".") || script.runs("source") || script.runs("alias") || text.contains("()");
    let is_simple =
        |separator: Separator| matches!(separator, Separator::Sequence | Separator::And | Separator::Or);
    if may_define
        || !is_simple(last.separator)
        || before.iter().any(|command| !is_simple(command.separator))
        || script.commands.iter().any(|command| !command.keywords.is_empty())
    {
        return None;
    }
    let first = last.words.first().filter(|word| !BUILTINS.contains(&word.as_str()))?;
    [first.clone(), format!("\"{first}\"")].iter().find_map(|word| {
        text.rmatch_indices(word.as_str())
            .take(MAX_PLACES)
            .map(|(at, _)| at)
            .find(|at| begins_last(text, *at, last, before))
    })
}

/// Returns whether `exec ` at this offset is put before the last command, as the reader sees it, and changes no other.
fn begins_last(text: &str, at: usize, last: &Simple, before: &[Simple]) -> bool {
    let (Some(head), Some(tail)) = (text.get(..at), text.get(at..)) else { return false };
    let changed = Script::read(&format!("{head}exec {tail}"));
    let Some((now, same)) = changed.commands.split_last() else { return false };
    now.words.first().is_some_and(|word| word == "exec")
        && now.words.get(1..) == Some(&last.words[..])
        && same.len() == before.len()
        && same.iter().zip(before).all(|(a, b)| a.words == b.words)
        // Nothing is before it, such as an assignment.
        && head.trim_end_matches([' ', '\t']).chars().next_back().is_none_or(|end| "\n;&|".contains(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str) -> Option<String> {
        let at = exec_offset(text)?;
        Some(format!("{}exec {}", &text[..at], &text[at..]))
    }

    #[test]
    fn the_last_command_is_executed_in_place() {
        for (script, expected) in [
            ("app", "exec app"),
            ("cd /srv && ./app --port 80", "cd /srv && exec ./app --port 80"),
            ("ulimit -n 65536; app app", "ulimit -n 65536; exec app app"),
            (
                "#!/bin/sh\nset -e\n./app migrate\n./app serve > log\n",
                "#!/bin/sh\nset -e\n./app migrate\nexec ./app serve > log\n",
            ),
            ("migrate || true\n\"$@\"\n", "migrate || true\nexec \"$@\"\n"),
        ] {
            assert_eq!(changed(script).as_deref(), Some(expected), "{script}");
            assert_eq!(changed(expected), None, "{expected}");
        }
    }

    #[test]
    fn what_is_not_certain_is_left_alone() {
        for script in [
            "app | tee log",
            "app; true",
            "app & wait",
            "helper & app",
            "FOO=1 app",
            "serve() {\n  app\n}\nserve",
            ". ./functions.sh\nserve",
            "while true; do app; done",
            "if true; then app; fi",
            "eval app",
            "trap 'x' TERM; app",
            "cat <<EOF\napp\nEOF\napp",
            "'app' x",
            "",
        ] {
            assert_eq!(changed(script), None, "{script}");
        }
    }
    #[test]
    fn a_long_script_ends_quickly() {
        for text in
            ["a ".repeat(1 << 20), format!("b; {}", "a ".repeat(4000)), format!("{}\na", "a; ".repeat(4000))]
        {
            let _ = changed(&text);
        }
    }
}
