//! Spring Boot, "Externalized Configuration": command line arguments over SPRING_APPLICATION_JSON over system properties over variables.

use super::form::Form;
use super::setting::{Setting, variable, variable_setting};
use crate::input::Place;
use crate::model::{Variable, Word};

/// A property of Spring, by the ways in which it is set.
struct Property {
    argument: &'static str,
    system: &'static str,
    /// The names of the variable: the documented one is looked up first.
    variables: &'static [&'static str],
    /// The part of its name that JSON has in one piece.
    leaf: &'static str,
}

const TIMEOUT: Property = Property {
    argument: "--spring.lifecycle.timeout-per-shutdown-phase",
    system: "-Dspring.lifecycle.timeout-per-shutdown-phase",
    variables: &["SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE", "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE"],
    leaf: "timeout-per-shutdown-phase",
};

const SHUTDOWN: Property = Property {
    argument: "--server.shutdown",
    system: "-Dserver.shutdown",
    variables: &["SERVER_SHUTDOWN"],
    leaf: "shutdown",
};

const JSON: &str = "SPRING_APPLICATION_JSON";

/// Variables with options of Java, the one that counts first. `true`: the options of the command line count more.
const JAVA_OPTIONS: [(&str, bool); 3] =
    [("_JAVA_OPTIONS", false), ("JDK_JAVA_OPTIONS", true), ("JAVA_TOOL_OPTIONS", true)];

/// Options of Java whose operand is the next word.
const WITH_OPERAND: [&str; 10] = [
    "-cp",
    "-classpath",
    "--class-path",
    "-p",
    "--module-path",
    "--upgrade-module-path",
    "--add-modules",
    "--add-opens",
    "--add-exports",
    "--add-reads",
];

/// The words of a command line, as far as Spring and Java read them.
pub(super) struct Line<'w> {
    /// Those that may be options of Java.
    java: &'w [Word],
    /// Those that may be arguments of the program.
    program: &'w [Word],
}

impl<'w> Line<'w> {
    /// Returns the line of `java` itself: its options end at the program.
    pub(super) fn of_java(words: &'w [Word]) -> Self {
        let mut at = 0_usize;
        while let Some(word) = words.get(at).map(|word| word.text.as_str()) {
            let is_last = matches!(word, "-jar" | "-m" | "--module");
            let operands = usize::from(is_last || WITH_OPERAND.contains(&word));
            // One that is only known at the deploy is empty.
            if !word.starts_with(['-', '@']) && !word.is_empty() {
                break;
            }
            at = at.saturating_add(1).saturating_add(operands);
            if is_last {
                break;
            }
        }
        let (java, program) = words.split_at_checked(at).unwrap_or((words, &[]));
        Self { java, program }
    }

    /// Returns whether an option of Java is only known at the deploy.
    fn has_unknown_option(&self) -> bool {
        let before = std::iter::once("").chain(self.java.iter().map(|word| word.text.as_str()));
        let mut words = before.zip(self.java);
        words.any(|(before, word)| word.text.is_empty() && !WITH_OPERAND.contains(&before))
    }

    /// Returns that of a program which the files do not show.
    pub(super) fn of_hidden(words: &'w [Word]) -> Self {
        Self { java: words, program: words }
    }

    /// Returns that of a program which may be built with Spring.
    pub(super) fn of_program(words: &'w [Word]) -> Self {
        Self { java: &[], program: words }
    }
}

/// What Spring takes for a property.
enum Found<'w> {
    Setting(Setting<'w>),
    /// It is set, and to what is not known.
    Unknown,
}

/// Returns what sets the drain time. `Some(None)`: something sets it to a value that is not known, or the web server does not drain.
pub(super) fn timeout<'w>(line: &Line<'w>, variables: &'w [Variable]) -> Option<Option<Setting<'w>>> {
    let found = find(&TIMEOUT, line, variables)?;
    match find(&SHUTDOWN, line, variables) {
        Some(Found::Unknown) => return Some(None),
        Some(Found::Setting(shutdown))
            if !shutdown.value.is_some_and(|value| value.eq_ignore_ascii_case("graceful")) =>
        {
            return Some(None);
        }
        _ => {}
    }
    Some(match found {
        Found::Setting(setting) => Some(setting),
        Found::Unknown => None,
    })
}

/// Returns every setting of the drain time, whether it counts or not.
pub(super) fn all_timeouts<'w>(line: &Line<'w>, variables: &'w [Variable]) -> Vec<Setting<'w>> {
    let mut all = arguments(words(line.program), TIMEOUT.argument);
    all.extend(arguments(words(line.java), TIMEOUT.system));
    all.extend(JAVA_OPTIONS.iter().flat_map(|(name, _)| in_variable(variables, name, &TIMEOUT)));
    all.extend(TIMEOUT.variables.iter().filter_map(|name| variable_setting(variables, name, Form::Spring)));
    all
}

fn find<'w>(property: &Property, line: &Line<'w>, variables: &'w [Variable]) -> Option<Found<'w>> {
    let last = |mut all: Vec<Setting<'w>>| all.pop().map(Found::Setting);
    // Spring joins the values of an argument that is repeated.
    let mut given = arguments(words(line.program), property.argument);
    let first = given.pop();
    if !given.is_empty() {
        return Some(Found::Unknown);
    }
    let in_java = |after: bool| {
        let names = JAVA_OPTIONS.iter().filter(move |(_, is_after)| *is_after == after);
        let find = |(name, _): &(&str, bool)| {
            last(in_variable(variables, name, property))
                .or_else(|| has_unknown_words(variable(variables, name)?).then_some(Found::Unknown))
        };
        names.into_iter().find_map(find)
    };
    first
        .map(Found::Setting)
        .or_else(|| mentioned(property.leaf, variables, |name| name == JSON))
        .or_else(|| has_unknown_words(variable(variables, JSON)?).then_some(Found::Unknown))
        .or_else(|| in_java(false))
        .or_else(|| line.has_unknown_option().then_some(Found::Unknown))
        .or_else(|| last(arguments(words(line.java), property.system)))
        .or_else(|| in_java(true))
        // `JAVA_OPTS` and the like are for scripts, which may pass them on.
        .or_else(|| {
            mentioned(property.system, variables, |name| JAVA_OPTIONS.iter().all(|(own, _)| *own != name))
        })
        .or_else(|| {
            property
                .variables
                .iter()
                .find_map(|name| variable_setting(variables, name, Form::Spring))
                .map(Found::Setting)
        })
}

/// Returns what is set by an argument, or by an option of Java, in any spelling that Spring takes for the property.
fn arguments<'w>(words: impl Iterator<Item = (&'w str, Place)>, name: &'static str) -> Vec<Setting<'w>> {
    let set = words.filter_map(|(word, place)| {
        let (own, value) = word.split_once('=')?;
        let value = Some(value).filter(|value| !value.is_empty());
        (canonical(own) == canonical(name)).then_some(Setting { name, value, form: Form::Spring, place })
    });
    set.collect()
}

fn words(words: &[Word]) -> impl Iterator<Item = (&str, Place)> {
    words.iter().map(|word| (word.text.as_str(), word.place))
}

fn in_variable<'w>(variables: &'w [Variable], name: &str, property: &Property) -> Vec<Setting<'w>> {
    let variable = variable(variables, name);
    let words = variable.into_iter().flat_map(|variable| {
        let words = variable.value.as_deref().unwrap_or_default().split_whitespace();
        words.map(|word| (word, variable.place))
    });
    arguments(words, property.system)
}

/// Returns whether a variable has options that are only known at the deploy.
fn has_unknown_words(variable: &Variable) -> bool {
    let has = |value: &str| value.split_whitespace().any(|word| word.starts_with('$'));
    variable.value.as_deref().is_none_or(has)
}

/// Returns that the value of another variable has the property.
fn mentioned<'w>(text: &str, variables: &[Variable], is_meant: impl Fn(&str) -> bool) -> Option<Found<'w>> {
    let names = |value: &str| canonical(value).contains(&canonical(text));
    let mut values = variables.iter().filter(|variable| is_meant(&variable.name));
    values.any(|variable| variable.value.as_deref().is_some_and(names)).then_some(Found::Unknown)
}

/// Returns a name without what Spring ignores in it.
fn canonical(name: &str) -> String {
    name.chars().filter(|letter| !matches!(letter, '-' | '_')).collect::<String>().to_ascii_lowercase()
}
