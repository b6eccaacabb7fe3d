use crate::formats::compose::assignment;
use crate::input::Place;
use crate::model::{Container, Variable};
use crate::tree::Node;

/// Actions of a template that print nothing.
const CONTROLS: [&str; 5] = ["with", "range", "if", "else", "end"];

/// Gives a task the variables of its templates, which count more than those of `env`: nomad, `client/taskenv/env.go`, `Builder.buildEnv`. What a
/// template may set without its name replaces any.
pub(super) fn replace_variables(task: &mut Container, templates: Vec<&Node>) {
    let is_of_variables = |template: &&Node| {
        ["env", "Envvars"].iter().any(|key| {
            template.get(key).and_then(Node::boolean) != Some(false) && template.get(key).is_some()
        })
    };
    for template in templates.into_iter().filter(is_of_variables) {
        let data = template.get("data").or_else(|| template.get("EmbeddedTmpl"));
        let has_own_marks = template.get("left_delimiter").or_else(|| template.get("LeftDelim")).is_some();
        let data = data.filter(|_| !has_own_marks);
        match data.and_then(|data| variables(data.text()?, data.place)) {
            Some(variables) => task.variables.extend(variables),
            None => task.has_unread_variables = true,
        }
    }
    if task.has_unread_variables {
        task.forget_variables();
    }
}

/// Reads lines `NAME=VALUE`. `None`: it is not known which variables they are.
fn variables(data: &str, place: Place) -> Option<Vec<Variable>> {
    let is_literal = !data.contains("{{");
    let is_as_written = data.len() == place.end().saturating_sub(place.start());
    let (mut at, mut found) = (0_usize, Vec::new());
    for line in data.split_inclusive('\n') {
        let start = at.saturating_add(line.len().saturating_sub(line.trim_start().len()));
        at = at.saturating_add(line.len());
        let line = line.trim();
        if let Some((name, value)) = assignment(line).filter(|_| !line.starts_with('#')) {
            let from = place.start().saturating_add(start);
            let own = Place::new(place.source, from, from.saturating_add(line.len()));
            let place = if is_as_written { own } else { place };
            // An action may leave the line out.
            found.push(Variable { name: name.to_owned(), value: value.filter(|_| is_literal), place });
        } else if line.contains("{{") && !prints_nothing(line) {
            return None;
        }
    }
    Some(found)
}

/// Returns whether a line has nothing but actions that decide about other lines.
fn prints_nothing(line: &str) -> bool {
    let mut parts = line.split("{{");
    let is_control = |part: &str| {
        let (action, after) = part.split_once("}}").unwrap_or((part, ""));
        let action = action.trim_start_matches(['-', ' ']);
        let word = action.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
        (CONTROLS.contains(&word) || action.starts_with("/*")) && after.is_empty()
    };
    parts.next().is_some_and(str::is_empty) && parts.all(is_control)
}
