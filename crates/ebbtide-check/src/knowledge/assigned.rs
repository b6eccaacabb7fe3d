//! Variables that a container's own command sets or unsets, which replace those of the files.

use std::collections::{BTreeMap, BTreeSet};

use super::script::Script;
use crate::input::Place;
use crate::model::{Command, Container, Platform, Variable, Word, Workload, base_name};

/// Options of `env` with an operand in the next word.
const WITH_OPERAND: [&str; 4] = ["-u", "--unset", "-C", "--chdir"];

/// Gives each container the variables that its command sets. Those in words of `env` have their value; of others, such as those that a script
/// names, it is not known.
pub(crate) fn assign_variables(workloads: &mut [Workload]) {
    let images = workloads.iter().filter(|workload| workload.platform == Platform::Image);
    let wrappers: BTreeMap<Place, Word> = images
        .flat_map(|workload| &workload.containers)
        .filter_map(|image| Some((image.place, image.wrapper.clone()?)))
        .collect();
    for workload in workloads {
        let of_service = workload.service.iter_mut().flat_map(|service| &mut service.containers);
        for container in workload.containers.iter_mut().chain(of_service) {
            let is_replaced = container.entrypoint.as_ref().is_some_and(|command| !command.is_script());
            let of_image = container.built.and_then(|built| wrappers.get(&built)).filter(|_| !is_replaced);
            assign(container, of_image);
        }
    }
}

fn assign(container: &mut Container, of_image: Option<&Word>) {
    let mut assigned = Vec::new();
    let run = container.with_built_command().run().map(|run| run.without_init().1);
    let mut is_unknown = run.as_ref().is_some_and(|run| clears(&run.texts()));
    for (word, value) in run.iter().flat_map(values) {
        match value {
            Some((name, value)) => assigned.push(variable(name, Some(value), word)),
            None => {
                assigned.extend(names(&word.text).into_iter().map(|name| variable(name, None, word)));
                is_unknown |= word.text.contains(char::is_whitespace) && sets_any(&word.text);
            }
        }
    }
    for script in container.wrapper.as_ref().into_iter().chain(of_image) {
        assigned.extend(names(&script.text).into_iter().map(|name| variable(name, None, script)));
        is_unknown |= sets_any(&script.text);
    }
    container.variables.append(&mut assigned);
    if is_unknown {
        container.forget_variables();
    }
}

fn variable(name: &str, value: Option<&str>, word: &Word) -> Variable {
    Variable { name: name.to_owned(), value: value.map(str::to_owned), place: word.place }
}

/// Returns the words of a command, each with the variable that it sets as an operand of an `env` in front of the program.
fn values(command: &Command) -> impl Iterator<Item = (&Word, Option<(&str, &str)>)> {
    let before = command.words.len().saturating_sub(command.program_words().len());
    let mut is_behind_env = false;
    command.words.iter().enumerate().map(move |(at, word)| {
        is_behind_env |= base_name(&word.text) == "env";
        let is_operand = is_behind_env && at < before && !command.is_shell_form;
        let value = word.text.split_once('=').filter(|(name, _)| is_operand && !name.starts_with('-'));
        (word, value)
    })
}

/// Returns whether words have an `env` that removes variables without their names, or of which an option is not known.
fn clears(words: &[&str]) -> bool {
    let mut rest = words.iter();
    while rest.any(|word| base_name(word) == "env") {
        let mut options = rest.clone();
        while let Some(word) = options.next().filter(|word| word.starts_with('-') || word.contains('=')) {
            let is_known = !word.starts_with('-')
                || matches!(*word, "--" | "-0" | "--null" | "-v" | "--debug")
                || word.starts_with("-u")
                || word.starts_with("--unset")
                || word.starts_with("-C")
                || word.starts_with("--chdir");
            if !is_known {
                return true;
            }
            if WITH_OPERAND.contains(word) {
                options.next();
            }
        }
    }
    false
}

/// Returns whether a script may set any variable: it reads another one, or sets what is only known when it runs.
fn sets_any(text: &str) -> bool {
    Script::read(text).commands.iter().any(|command| {
        let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
        let is_any = match words.as_slice() {
            ["." | "source", file, ..] => base_name(file) != "activate",
            ["eval", ..] | ["exec", "-c", ..] => true,
            ["export" | "declare" | "typeset", rest @ ..] => {
                rest.iter().any(|word| word.starts_with(['$', '`']))
            }
            _ => false,
        };
        is_any || clears(&words)
    })
}

/// Returns what a text names that may be a variable, other than to read it: servers read none without `_` in its name. Whether the name is that of an
/// assignment is not looked at, since a shell has many forms of one.
fn names(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.flat_map(names_in).collect()
}

fn names_in(line: &str) -> impl Iterator<Item = &str> {
    // An option of `env` with its operand: `-uNAME`.
    let line = line.strip_prefix("-u").unwrap_or(line);
    let mut at = 0_usize;
    line.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).filter(move |name| {
        let before = line.get(..at).unwrap_or_default();
        let is_read = ["$", "${", "$("].iter().any(|begin| before.ends_with(begin));
        at = at.saturating_add(name.len());
        at = at.saturating_add(line.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8));
        name.contains('_') && !is_read
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_unless_it_is_read() {
        for text in [
            "A_B=1 exec app",
            "export A_B=1; exec app",
            "ä; export 'A_B'=1",
            "unset A_B",
            "env -u A_B app",
            "-uA_B",
            "# x\n\tread -r A_B",
            "x=${Y_Z}$(a) A_B=2",
        ] {
            assert!(names(text).contains("A_B"), "{text}");
        }
        for text in
            ["exec app $A_B", "exec app \"${A_B:-1}\"", "ä ${A_B}", "# A_B=1\nexec app", "$(A_B)", "A=1"]
        {
            assert!(!names(text).contains("A_B"), "{text}");
        }
    }

    #[test]
    fn a_script_may_set_any_variable() {
        for text in [
            ". /run/vars\nexec app",
            "set -a; source .env; exec app",
            "eval \"$(vars)\"; exec app",
            "export $(xargs < .env)\nexec app",
            "exec env -i app",
            "exec -c app",
            "exec env -S 'A=1 app'",
        ] {
            assert!(sets_any(text), "{text}");
        }
        for text in [
            "exec app",
            ". /venv/bin/activate; exec app",
            "export A=$B; exec app",
            "exec env -u A B=1 app -i",
        ] {
            assert!(!sets_any(text), "{text}");
        }
    }
}
