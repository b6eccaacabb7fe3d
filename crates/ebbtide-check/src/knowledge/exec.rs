use super::{Script, Separator, ends};

/// Words that are no programs, and that therefore cannot follow `exec`.
const BUILTINS: [&str; 14] = [
    "alias", "builtin", "command", "coproc", "declare", "eval", "exec", "function", "let", "local", "return",
    "shift", "time", "typeset",
];

/// The longest script that is looked at.
const MAX_SCRIPT: usize = 16 << 10;

/// Returns the offset at which `exec ` can be put into a script so that its last command replaces the shell and nothing else changes.
/// `None` if the shell does not stay, or if that is not certain: the command is in a pipe or may be a function.
pub(crate) fn exec_offset(text: &str) -> Option<usize> {
    if text.len() > MAX_SCRIPT {
        return None;
    }
    let script = Script::read(text);
    let all = ends(&script, None);
    let [end] = all.as_slice() else { return None };
    end.stays?;
    let (last, before) = script.commands.split_last()?;
    // A shell that is replaced runs no handlers.
    if script.runs("trap") {
        return None;
    }
    let may_define = script.runs(".") || script.runs("source") || script.runs("alias") || text.contains("()");
    let is_simple =
        |separator: Separator| matches!(separator, Separator::Sequence | Separator::And | Separator::Or);
    let is_certain = last.range == end.command.range
        && !last.is_nested
        && is_simple(last.separator)
        && before.iter().all(|command| command.is_nested || is_simple(command.separator));
    let first = last.words.first()?;
    if may_define || !is_certain || first.starts_with('-') || BUILTINS.contains(&first.as_str()) {
        return None;
    }
    let (head, tail) = text.split_at_checked(last.range.0)?;
    // Nothing is before it, such as an assignment, and no quotes are around its name alone.
    let begins =
        head.trim_end_matches([' ', '\t']).chars().next_back().is_none_or(|end| "\n;&|".contains(end));
    let is_plain = [first.clone(), format!("\"{first}\"")].iter().any(|word| tail.starts_with(word));
    (begins && is_plain).then_some(last.range.0)
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
            ("cat <<EOF\napp\nEOF\napp", "cat <<EOF\napp\nEOF\nexec app"),
            ("if x; then\n  a | b\nfi\napp serve", "if x; then\n  a | b\nfi\nexec app serve"),
            ("for f in a; do b; done; app", "for f in a; do b; done; exec app"),
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
            "'app' x",
            "--",
            "-e app",
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
