//! Variables in command lines: systemd.service(5), "Command lines". The program itself has none.

use crate::knowledge::split_words;
use crate::model::{Command, Platform, Variable, Word, Workload};

/// Replaces the variables in the command lines of services by their values: `$NAME` as a whole word by the words of the value, `${NAME}` anywhere by the value
/// as it is. Those whose value is not known stay. An option with such a value has the place of the variable.
pub(crate) fn expand_variables(workloads: &mut [Workload]) {
    for workload in workloads.iter_mut().filter(|workload| workload.platform == Platform::Systemd) {
        for container in &mut workload.containers {
            container.entrypoint.iter_mut().for_each(|command| expand(command, &container.variables));
        }
    }
}

/// Replaces those of one command line.
pub(super) fn expand(command: &mut Command, variables: &[Variable]) {
    let mut words = std::mem::take(&mut command.words).into_iter();
    command.words.extend(words.next());
    for word in words {
        let place = word.place;
        let expanded = expanded(word, variables);
        // An option is where its value is.
        if let (Some(option), Some(value)) = (command.words.last_mut(), expanded.first())
            && option.text.starts_with('-')
            && value.place != place
        {
            option.place = value.place;
        }
        command.words.extend(expanded);
    }
}

fn expanded(word: Word, variables: &[Variable]) -> Vec<Word> {
    let value_of = |name: &str| {
        let variable = variables.iter().rev().find(|variable| variable.name == name)?;
        Some((variable.value.as_deref()?, variable.place))
    };
    if let Some((value, place)) = word.text.strip_prefix('$').and_then(value_of) {
        return split_words(value).into_iter().map(|text| Word { text, place }).collect();
    }
    // The place of a script is where an edit is made.
    let is_option = word.text.starts_with('-');
    let (mut text, mut place) = (String::new(), word.place);
    let mut rest = word.text.as_str();
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let named = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        rest = if let Some(after) = after.strip_prefix('$') {
            text.push('$');
            after
        } else if let Some(((value, of_variable), after)) =
            named.and_then(|(name, after)| Some((value_of(name)?, after)))
        {
            if is_option || text.is_empty() && after.is_empty() {
                place = of_variable;
            }
            text.push_str(value);
            after
        } else {
            text.push('$');
            after
        };
    }
    text.push_str(rest);
    vec![Word { text, place }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Place, Sources};

    #[test]
    fn a_word_is_split_and_a_part_of_a_word_is_not() {
        let place = Place::new(Sources::new().add("a", ""), 0, 0);
        let variables = [("A", "1 '2 3'"), ("B", "x y"), ("E", "")].map(|(name, value)| Variable {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            place,
        });
        for (line, expected) in [
            ("p $A", &["p", "1", "2 3"][..]),
            ("p ${A} --b=${B}", &["p", "1 '2 3'", "--b=x y"]),
            ("p $E ${E}", &["p", ""]),
            ("$B $$A $${A}", &["$B", "$A", "${A}"]),
            ("p $C ${C} x$A ${A", &["p", "$C", "${C}", "x$A", "${A"]),
        ] {
            let words = line.split(' ').map(|text| Word { text: text.to_owned(), place }).collect();
            let mut command = Command { words, is_shell_form: false, place };
            expand(&mut command, &variables);
            assert_eq!(command.texts(), expected, "{line}");
        }
    }
}
