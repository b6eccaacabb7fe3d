use super::form::Form;
use super::runtime::Runtime;
use super::setting::{Flag, Setting, options_in, options_of, variable, variable_setting};
use super::spring::{self, Line};
use super::subject::Subject;
use super::traefik::EntryPoints;
use crate::model::{Container, Drain, ServerFile, Variable, Word};

/// The variable with the flags of gunicorn, which those of its command line replace.
const GUNICORN: &str = "GUNICORN_CMD_ARGS";

/// Those of .NET. Which one counts if they differ depends on the host, and whether it reads its arguments too.
const DOTNET: [&str; 2] = ["DOTNET_SHUTDOWNTIMEOUTSECONDS", "ASPNETCORE_SHUTDOWNTIMEOUTSECONDS"];
const DOTNET_ARGUMENT: &str = "--shutdowntimeoutseconds";

const GRACEFUL: &[Flag] = &[Flag { name: "--graceful-timeout", shortest: "--gra" }];
const SIDEKIQ: &[Flag] = &[Flag { name: "--timeout", shortest: "--ti" }, Flag::whole("-t")];

/// Those that name a file with further settings.
const GUNICORN_FILE: &[Flag] = &[Flag { name: "--config", shortest: "--co" }, Flag::whole("-c")];
const IN_FILE: &str = "graceful_timeout of gunicorn.conf.py";
const SIDEKIQ_FILE: &[Flag] = &[Flag { name: "--config", shortest: "--conf" }, Flag::whole("-C")];
const TRAEFIK_FILE: &str = "configfile";

/// No other program has this one, so that it is known among the options of a program that is not.
const UVICORN: &[Flag] = &[Flag::whole("--timeout-graceful-shutdown")];

/// The directive of nginx, in the value of its option `-g`.
const DIRECTIVE: &str = "worker_shutdown_timeout";

/// Returns what sets the drain time of a server. `None`: nothing does. `Some(None)`: its value is not known, or it does not drain.
pub(super) fn set(runtime: Runtime, subject: &Subject, container: &Container) -> Option<Option<Drain>> {
    let variables = &container.variables;
    match runtime {
        Runtime::Traefik => EntryPoints::read(subject.words(), variables).drain(),
        Runtime::Java => spring::timeout(&line(subject), variables).map(|setting| setting?.drain()),
        Runtime::Dotnet if gives(subject, DOTNET_ARGUMENT) => Some(None),
        Runtime::Dotnet => {
            let all = settings(runtime, subject, container);
            let first = all.first()?;
            Some(if all.iter().any(|other| other.value != first.value) { None } else { first.drain() })
        }
        // The last occurrence counts.
        _ => settings(runtime, subject, container).last().map(Setting::drain),
    }
}

/// Returns whether something that is not read may set the drain time of a server: a file, variables of elsewhere, or words that a shell or the deploy puts
/// in.
pub(super) fn may_be_set_elsewhere(runtime: Runtime, subject: &Subject, container: &Container) -> bool {
    let words = subject.words();
    let has = |file: &[Flag]| !options_of(words, file, Form::Whole).is_empty();
    let variables = &container.variables;
    match runtime {
        Runtime::Gunicorn => {
            let of_variable = variable(variables, GUNICORN);
            has(GUNICORN_FILE)
                || has_unknown_words(words)
                || of_variable.is_some_and(|own| !options_in(own, GUNICORN_FILE, Form::Whole).is_empty())
                || container.has_unread_variables && (of_variable.is_none() || container.unread_count_more)
                || matches!(container.server_file, Some(ServerFile::Unread))
        }
        Runtime::Sidekiq => has(SIDEKIQ_FILE) || has_unknown_words(words),
        Runtime::Traefik => {
            let names = |text: &str| text.to_ascii_lowercase().contains(TRAEFIK_FILE);
            let has_options = words.iter().any(|word| word.text.starts_with("--"));
            words.iter().any(|word| names(&word.text))
                || variables.iter().any(|variable| names(&variable.name))
                || has_unknown_words(words)
                || !has_options && container.has_unread_variables
        }
        _ => false,
    }
}

/// Returns whether words of a command line may become any number of others. One after an option is taken for its value.
fn has_unknown_words(words: &[Word]) -> bool {
    let mut is_value = false;
    words.iter().any(|word| {
        let is_unknown = (word.text.is_empty() || word.text.starts_with('$')) && !is_value;
        is_value = word.text.starts_with('-') && !word.text.contains('=');
        is_unknown
    })
}

/// Returns everything that sets it; what comes later counts more, except for Java.
pub(super) fn settings<'w>(
    runtime: Runtime,
    subject: &'w Subject,
    container: &'w Container,
) -> Vec<Setting<'w>> {
    let (words, variables) = (subject.words(), &container.variables);
    match runtime {
        Runtime::Gunicorn => {
            let variable = variable(variables, GUNICORN);
            let mut all = variable.map_or_else(Vec::new, |own| options_in(own, GRACEFUL, Form::Whole));
            let in_file = match &container.server_file {
                Some(ServerFile::Sets(word)) => Some(word),
                _ => None,
            };
            let is_unknown = |own: &&Variable| own.value.as_deref().is_none_or(|value| value.contains('$'));
            if let Some(own) = variable.filter(is_unknown).filter(|_| all.is_empty()) {
                all.push(Setting { name: GUNICORN, value: None, form: Form::Whole, place: own.place });
            }
            if matches!(subject, Subject::Server(..)) {
                if let Some(Word { text, place }) =
                    in_file.filter(|_| !may_be_set_elsewhere(runtime, subject, container))
                {
                    let (value, place) = (Some(text.as_str()), *place);
                    all.insert(0, Setting { name: IN_FILE, value, form: Form::Whole, place });
                }
                all.extend(options_of(words, GRACEFUL, Form::Whole));
            }
            all
        }
        Runtime::Hypercorn => options_of(words, GRACEFUL, Form::Whole),
        Runtime::Uvicorn => options_of(words, UVICORN, Form::Whole),
        Runtime::Sidekiq => options_of(words, SIDEKIQ, Form::Whole),
        Runtime::Nginx => directives(words),
        Runtime::Traefik => EntryPoints::read(words, variables).settings().collect(),
        Runtime::Java => spring::all_timeouts(&line(subject), variables),
        Runtime::Dotnet => {
            DOTNET.iter().filter_map(|name| variable_setting(variables, name, Form::Whole)).collect()
        }
    }
}

fn line(subject: &Subject) -> Line<'_> {
    match subject {
        Subject::Server(_, words) => Line::of_java(words),
        Subject::Hidden(words) => Line::of_hidden(words),
        Subject::Program(words) => Line::of_program(words),
        Subject::Other => Line::of_program(&[]),
    }
}

fn gives(subject: &Subject, option: &str) -> bool {
    subject.words().iter().any(|word| word.text.to_ascii_lowercase().starts_with(option))
}

/// Reads `-g 'worker_shutdown_timeout 30s;'`.
fn directives(words: &[Word]) -> Vec<Setting<'_>> {
    let values = words.iter().zip(words.iter().skip(1)).filter(|(option, _)| option.text == "-g");
    values
        .filter_map(|(_, word)| {
            let (_, rest) = word.text.split_once(DIRECTIVE)?;
            let value = rest.trim_start().split([';', ' ']).next()?;
            let value = Some(value).filter(|value| !value.is_empty());
            Some(Setting { name: DIRECTIVE, value, form: Form::Units, place: word.place })
        })
        .collect()
}
