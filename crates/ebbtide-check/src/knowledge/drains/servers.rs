use super::form::Form;
use super::runtime::Runtime;
use super::setting::{Setting, options_in, options_of, variable, variable_setting};
use super::spring::{self, Line};
use super::subject::Subject;
use super::traefik::EntryPoints;
use crate::model::{Drain, Variable, Word};

/// The variable with the flags of gunicorn, which those of its command line replace.
const GUNICORN: &str = "GUNICORN_CMD_ARGS";

/// Those of .NET. Which one counts if they differ depends on the host, and whether it reads its arguments too.
const DOTNET: [&str; 2] = ["DOTNET_SHUTDOWNTIMEOUTSECONDS", "ASPNETCORE_SHUTDOWNTIMEOUTSECONDS"];
const DOTNET_ARGUMENT: &str = "--shutdowntimeoutseconds";

const GRACEFUL: &[&str] = &["--graceful-timeout"];
const SIDEKIQ: &[&str] = &["--timeout", "-t"];

/// No other program has this one, so that it is known among the options of a program that is not.
const UVICORN: &[&str] = &["--timeout-graceful-shutdown"];

/// The directive of nginx, in the value of its option `-g`.
const DIRECTIVE: &str = "worker_shutdown_timeout";

/// Returns what sets the drain time of a server. `None`: nothing does. `Some(None)`: its value is not known, or it does not drain.
pub(super) fn set(runtime: Runtime, subject: &Subject, variables: &[Variable]) -> Option<Option<Drain>> {
    match runtime {
        Runtime::Traefik => EntryPoints::read(subject.words(), variables).drain(),
        Runtime::Java => spring::timeout(&line(subject), variables).map(|setting| setting?.drain()),
        Runtime::Dotnet if gives(subject, DOTNET_ARGUMENT) => Some(None),
        Runtime::Dotnet => {
            let all = settings(runtime, subject, variables);
            let first = all.first()?;
            Some(if all.iter().any(|other| other.value != first.value) { None } else { first.drain() })
        }
        // The last occurrence counts.
        _ => settings(runtime, subject, variables).last().map(Setting::drain),
    }
}

/// Returns everything that sets it; what comes later counts more, except for Java.
pub(super) fn settings<'w>(
    runtime: Runtime,
    subject: &'w Subject,
    variables: &'w [Variable],
) -> Vec<Setting<'w>> {
    let words = subject.words();
    match runtime {
        Runtime::Gunicorn => {
            let variable = variable(variables, GUNICORN);
            let mut all = variable.map_or_else(Vec::new, |own| options_in(own, GRACEFUL, Form::Whole));
            if matches!(subject, Subject::Server(..)) {
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
