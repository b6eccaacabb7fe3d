//! The keys of the section, which are derived from the options.

use clap::{Arg, ArgAction, Args as _, Command};

use crate::rehearse::args::RehearseArgs;

/// Options that belong to one call, not to a project.
const NOT_KEYS: [&str; 5] = ["attach", "demo", "init", "help", "quiet"];

/// The key of the command line of the service.
pub(in crate::rehearse) const COMMAND: &str = "command";

/// A key, and the values that it takes.
#[derive(Clone, Debug)]
pub(in crate::rehearse) struct Key {
    /// Its name, which is that of the long option.
    pub(in crate::rehearse) name: String,
    /// The option's name in clap.
    pub(in crate::rehearse) id: String,
    pub(in crate::rehearse) kind: Kind,
    /// What it does.
    pub(in crate::rehearse) help: String,
}

/// The values that a key takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::rehearse) enum Kind {
    /// A boolean.
    Flag,
    /// A whole number.
    Integer,
    /// A whole number, or a boolean: with or without the option's value.
    FlagOrInteger,
    /// A text such as `30s`, or a number of seconds.
    Time,
    /// A text, or a number, such as an address or a port.
    TextOrInteger,
    Text,
    /// One of these texts.
    Choice(Vec<String>),
    /// A text, or several.
    Texts,
    /// A whole number or a text, or several.
    TextsOrIntegers,
    /// A text for each shape of load.
    Routes,
    /// A command line, or its words.
    Words,
}

impl Kind {
    /// Returns what is expected, for messages.
    pub(in crate::rehearse) fn expected(&self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Integer => "a whole number".to_owned(),
            Self::FlagOrInteger => "true, false or a whole number".to_owned(),
            Self::Time => "a time such as \"30s\"".to_owned(),
            Self::TextOrInteger => "a string or a whole number".to_owned(),
            Self::Text => "a string".to_owned(),
            Self::Choice(names) => format!("one of {}", names.join(", ")),
            Self::Texts => "a string or an array of strings".to_owned(),
            Self::TextsOrIntegers => "a string, a whole number or an array of them".to_owned(),
            Self::Routes => "a table such as { storm = \"/ping\" }".to_owned(),
            Self::Words => "a string or an array of strings".to_owned(),
        }
    }
}

/// Returns the options of the command.
pub(in crate::rehearse) fn options() -> Command {
    RehearseArgs::augment_args(Command::new("rehearse").bin_name("ebbtide rehearse"))
}

/// Returns every key, in the order of the help.
pub(in crate::rehearse) fn keys(options: &Command) -> Vec<Key> {
    let command = Key {
        name: COMMAND.to_owned(),
        id: COMMAND.to_owned(),
        kind: Kind::Words,
        help: "Command of the service: a command line, or its words".to_owned(),
    };
    let of_option = |arg: &Arg| {
        let name = arg.get_long().filter(|name| !NOT_KEYS.contains(name))?;
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        Some(Key { name: name.to_owned(), id: arg.get_id().to_string(), kind: kind(arg), help })
    };
    [command].into_iter().chain(options.get_arguments().filter_map(of_option)).collect()
}

fn kind(arg: &Arg) -> Kind {
    let is_list = matches!(arg.get_action(), ArgAction::Append);
    let choices = arg.get_possible_values();
    let value = arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    match (arg.get_action(), value) {
        (ArgAction::SetTrue, _) => Kind::Flag,
        _ if arg.get_long() == Some("url") => Kind::Routes,
        (_, "STREAMS") => Kind::FlagOrInteger,
        (_, "CLIENTS" | "RATE" | "COUNT" | "RUNS" | "NUMBER") => Kind::Integer,
        (_, "TIME") => Kind::Time,
        (_, "STATUS" | "CODE|signal:NAME") => Kind::TextsOrIntegers,
        (_, "URL|PORT") => Kind::TextOrInteger,
        _ if is_list => Kind::Texts,
        _ if !choices.is_empty() => {
            Kind::Choice(choices.iter().map(|choice| choice.get_name().to_owned()).collect())
        }
        _ => Kind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_is_a_key_unless_it_belongs_to_one_call() {
        let options = options();
        let keys = keys(&options);
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        for arg in options.get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            assert_eq!(names.contains(&long), !NOT_KEYS.contains(&long), "{long}");
        }
        let kind = |name: &str| keys.iter().find(|key| key.name == name).unwrap().kind.clone();
        for (name, of) in [
            ("command", Kind::Words),
            ("ready", Kind::TextOrInteger),
            ("strict", Kind::Flag),
            ("storm", Kind::Integer),
            ("http2", Kind::FlagOrInteger),
            ("grace", Kind::Time),
            ("think", Kind::Text),
            ("header", Kind::Texts),
            ("expect-exit", Kind::TextsOrIntegers),
            ("url", Kind::Routes),
            ("signal", Kind::Text),
        ] {
            assert_eq!(kind(name), of, "{name}");
        }
        assert!(matches!(kind("platform"), Kind::Choice(names) if names.contains(&"docker".to_owned())));
    }
}
