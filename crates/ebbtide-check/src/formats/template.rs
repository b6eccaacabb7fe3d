use super::syntax::Syntax;
use crate::input::{Place, SourceId};

/// The folders and the endings of files that are templates, whatever is in them.
const FOLDERS: [&str; 1] = ["templates/"];
const ENDINGS: [&str; 9] =
    [".tpl", ".tmpl", ".gotmpl", ".j2", ".jinja", ".jinja2", ".erb", ".ctmpl", ".mustache"];

/// The value that stands for what a template puts in.
const VALUE: &str = "0";

/// A part of a text that is replaced before it is read: an action of a Go template, of Jinja, of ERB, or of Levant.
struct Action {
    start: usize,
    end: usize,
}

/// Returns whether a text that cannot be parsed is a template that is not rendered: without its actions it can be parsed, or it has the name of a template
/// and cannot be read from an action on. The marks in a string or in a comment explain no other error.
pub(super) fn explains(syntax: Syntax, id: SourceId, name: &str, text: &str, error: Place) -> bool {
    let actions = actions(syntax, text);
    if actions.is_empty() {
        return false;
    }
    let parses = |text: String| syntax.parse(id, &text).errors.is_empty();
    if parses(without(text, &actions, true)) || parses(without(text, &actions, false)) {
        return true;
    }
    let has_name = ENDINGS.iter().any(|ending| name.contains(ending))
        || FOLDERS.iter().any(|folder| name.starts_with(folder) || name.contains(&format!("/{folder}")));
    has_name && actions.iter().any(|action| action.start <= error.start() && is_outside(text, action.start))
}

/// Returns the actions of a text. Those of HCL are Levant's, since jobs have templates of Consul in strings.
fn actions(syntax: Syntax, text: &str) -> Vec<Action> {
    let marks: &[(&str, &str)] = match syntax {
        Syntax::Hcl => &[("[[", "]]")],
        _ => &[("{{", "}}"), ("{%", "%}"), ("<%", "%>")],
    };
    let mut found = Vec::new();
    let mut at = 0_usize;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let begins = marks.iter().filter_map(|(open, close)| Some((rest.find(open)?, *open, *close)));
        let Some((start, open, close)) = begins.min_by_key(|(start, ..)| *start) else { break };
        let inside = start.saturating_add(open.len());
        let Some(length) = rest.get(inside..).and_then(|inside| inside.find(close)) else { break };
        let end = inside.saturating_add(length).saturating_add(close.len());
        found.push(Action { start: at.saturating_add(start), end: at.saturating_add(end) });
        at = at.saturating_add(end);
    }
    found
}

/// Returns a text with a value for each action. Lines of actions alone may be left out: conditions, loops, and blocks that are put in.
fn without(text: &str, actions: &[Action], leaves_out_lines: bool) -> String {
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for action in actions {
        result.push_str(text.get(at..action.start).unwrap_or_default());
        result.push_str(if leaves_out_lines { "\0" } else { VALUE });
        at = action.end;
    }
    result.push_str(text.get(at..).unwrap_or_default());
    if !leaves_out_lines {
        return result;
    }
    let is_left_out = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && line.chars().all(|letter| letter == '\0' || letter == ' ')
    };
    let lines = result.split_inclusive('\n').filter(|line| !is_left_out(line));
    lines.collect::<String>().replace('\0', VALUE)
}

/// Returns whether a place in a line is neither in quotes nor in a comment.
fn is_outside(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
    let is_even = |quote: char| before.matches(quote).count() % 2 == 0;
    is_even('"') && is_even('\'') && !before.trim_start().starts_with('#') && !before.contains(" #")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Sources;

    fn is_template(syntax: Syntax, name: &str, text: &str) -> bool {
        let id = Sources::new().add(name, text);
        let errors = syntax.parse(id, text).errors;
        explains(syntax, id, name, text, errors.first().expect("an error").place)
    }

    #[test]
    fn a_text_that_can_be_parsed_without_its_actions_is_a_template() {
        for (syntax, text) in [
            (
                Syntax::Yaml,
                "a: 1\n{{- if .Values.b }}\nb:\n  {{- toYaml .Values.b | nindent 2 }}\n{{- end }}\n",
            ),
            (Syntax::Yaml, "name: {{ .a }}-{{ .b }}\n"),
            (Syntax::Yaml, "{% for a in b %}\n- {{ a }}: x\n{% endfor %}\n"),
            (Syntax::Json, "{\"cpu\": {{ cpu }}, \"a\": {\"b\": 1}}"),
            (Syntax::Hcl, "job \"a\" {\n  count = [[ .count ]]\n}\n"),
        ] {
            assert!(is_template(syntax, "a", text), "{text}");
        }
    }

    #[test]
    fn marks_that_explain_no_error_make_no_template() {
        for (syntax, text) in [
            (Syntax::Yaml, "# {{ cookiecutter.name }}\na: [1\nb: 2\n"),
            (Syntax::Yaml, "a: \"{{ $labels.instance }}\"\n---\nb: [1\n"),
            (Syntax::Yaml, "run: docker inspect --format '{{.State}}'\na: b: c\n"),
            (Syntax::Json, "{\"a\": \"{{x}}\", }}"),
            (Syntax::Hcl, "a = [[1, 2], [3, 4]]\nb = {\n"),
        ] {
            assert!(!is_template(syntax, "a", text), "{text}");
        }
        let nested = "[".repeat(50_000);
        assert!(!is_template(Syntax::Hcl, "a.tf", &format!("a = {nested}{}", nested.replace('[', "]"))));
    }

    #[test]
    fn the_name_of_a_template_counts_from_its_first_action_on() {
        let text = "a:\n{{ include \"b\" . | indent 2 }}\n  c: [\n";
        assert!(
            is_template(Syntax::Yaml, "chart/templates/a.yaml", text)
                && !is_template(Syntax::Yaml, "a.yaml", text)
        );
        let text = "a: [\n# {{ b }}\n";
        assert!(!is_template(Syntax::Yaml, "templates/a.yaml", text));
    }
}
