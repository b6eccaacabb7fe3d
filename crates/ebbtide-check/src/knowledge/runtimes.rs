use std::time::Duration;

use super::ebbtide;
use crate::input::Place;
use crate::model::{Drain, Variable, Word, go_duration, seconds};

/// Flags that declare the drain time, in seconds or with a unit. The first word is the program whose flag it is; nothing for a
/// name that no other program uses.
const FLAGS: [(Option<&str>, &str); 7] = [
    (Some("gunicorn"), "--graceful-timeout"),
    (Some("hypercorn"), "--graceful-timeout"),
    (None, "--timeout-graceful-shutdown"),
    (None, "--spring.lifecycle.timeout-per-shutdown-phase"),
    (None, "-Dspring.lifecycle.timeout-per-shutdown-phase"),
    (Some("sidekiq"), "--timeout"),
    (Some("sidekiq"), "-t"),
];

/// Variables that declare the drain time. Spring takes the name of its property with and without the dashes.
const VARIABLES: [&str; 5] = [
    "SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE",
    "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE",
    "DOTNET_SHUTDOWNTIMEOUTSECONDS",
    "ASPNETCORE_SHUTDOWNTIMEOUTSECONDS",
    "TRAEFIK_ENTRYPOINTS_WEB_TRANSPORT_LIFECYCLE_GRACETIMEOUT",
];

/// Variables with options that Java takes before those of its command line.
const JAVA_OPTIONS: [&str; 2] = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"];

/// The variable with the flags of gunicorn. Services share their variables, and some of them run another program.
pub(crate) const GUNICORN: &str = "GUNICORN_CMD_ARGS";

/// The drain time of programs without a flag. PLATFORMS.md, A.7, has the sources.
const DEFAULTS: [(&str, Duration); 3] =
    [("gunicorn", seconds(30)), ("sidekiq", seconds(25)), ("traefik", seconds(10))];

/// Returns the drain time that a command line and its variables declare, else the default of a known program.
pub(crate) fn drain_of(words: &[&Word], variables: &[Variable]) -> Option<Drain> {
    let split = split(words);
    let runs = |program: &str| split.iter().any(|(word, _)| base(word) == program);
    let declared = flag(&split, &runs)
        .or_else(|| nginx(words))
        .or_else(|| traefik(&split))
        .or_else(|| variable(variables))
        .or_else(|| java_options(variables))
        .or_else(|| ebbtide::drain_of(variables))
        .or_else(|| gunicorn_variable(variables, &runs).filter(|_| may_run_gunicorn(words)));
    declared.or_else(|| {
        // What is set to a value that is only known later is not the default.
        if flags(&split, &runs).next().is_some() || is_set(&split, variables) {
            return None;
        }
        let (program, time) = DEFAULTS.iter().find(|(program, _)| runs(program))?;
        Some(Drain { time: *time, from: format!("default of {program}"), place: None, is_declared: false })
    })
}

/// Returns whether a command line may run gunicorn: it names it, or a script, or is that of the image.
pub(crate) fn may_run_gunicorn(words: &[&Word]) -> bool {
    let names = |mark: &str| words.iter().any(|word| word.text.contains(mark));
    words.is_empty() || ["gunicorn", ".sh", "entrypoint"].into_iter().any(names)
}

/// Returns whether another option or a variable sets the drain time.
fn is_set(words: &[(&str, Place)], variables: &[Variable]) -> bool {
    let is_option = |word: &str| word.to_ascii_lowercase().contains(".transport.lifecycle.gracetimeout");
    let is_variable = |variable: &Variable| match (&*variable.name, &variable.value) {
        (GUNICORN, Some(value)) => value.contains("--graceful-timeout"),
        (name, _) => name == GUNICORN || VARIABLES.iter().any(|known| known.eq_ignore_ascii_case(name)),
    };
    words.iter().any(|(word, _)| is_option(word)) || variables.iter().any(is_variable)
}

/// Returns the values of flags and variables that declare the drain time and cannot be read, each with its name and its place. What
/// is replaced before the start is none of them.
pub(crate) fn unreadable_drains<'w>(
    words: &[&'w Word],
    variables: &'w [Variable],
) -> Vec<(&'w str, &'static str, Place)> {
    let split = split(words);
    let runs = |program: &str| split.iter().any(|(word, _)| base(word) == program);
    let in_flags = flags(&split, &runs).map(|(flag, value, place)| (value, flag, place));
    let in_variables = variables.iter().filter_map(|variable| {
        let name = VARIABLES.iter().find(|name| name.eq_ignore_ascii_case(&variable.name))?;
        Some((variable.value.as_deref()?, *name, variable.place))
    });
    // The text of a script may go on after the value: `30; then`.
    let is_word = |text: &str| text.chars().all(|letter| letter.is_alphanumeric() || "-._ ".contains(letter));
    let all = in_flags.collect::<Vec<_>>().into_iter().chain(in_variables);
    all.filter(|(value, name, _)| time(name, value).is_none() && !value.is_empty() && is_word(value))
        .collect()
}

/// Returns the known flags with their values.
fn flags<'w>(
    words: &[(&'w str, Place)],
    runs: &impl Fn(&str) -> bool,
) -> impl Iterator<Item = (&'static str, &'w str, Place)> {
    words.iter().enumerate().filter_map(move |(index, (word, place))| {
        let (name, inline) = word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value)));
        let known = FLAGS
            .iter()
            .find(|(program, flag)| flag.eq_ignore_ascii_case(name) && program.is_none_or(runs))?;
        let value = inline.or_else(|| words.get(index.saturating_add(1)).map(|(word, _)| *word))?;
        Some((known.1, value, *place))
    })
}

fn flag(words: &[(&str, Place)], runs: &impl Fn(&str) -> bool) -> Option<Drain> {
    flags(words, runs).find_map(|(flag, value, place)| declared(time(flag, value)?, flag.to_owned(), place))
}

fn split<'w>(words: &[&'w Word]) -> Vec<(&'w str, Place)> {
    let parts = |word: &'w Word| {
        // A word that is only known at the deploy is empty, and may be a value.
        let unknown = word.text.is_empty().then_some("");
        word.text.split_whitespace().chain(unknown).map(|part| (part, word.place))
    };
    words.iter().flat_map(|word| parts(word)).collect()
}

/// Reads `nginx -g 'worker_shutdown_timeout 30s;'`.
fn nginx(words: &[&Word]) -> Option<Drain> {
    words.iter().find_map(|word| {
        let (_, rest) = word.text.split_once("worker_shutdown_timeout")?;
        let value = rest.trim_start().split([';', ' ']).next()?;
        declared(time("", value)?, "worker_shutdown_timeout".to_owned(), word.place)
    })
}

/// Reads `--entryPoints.web.transport.lifeCycle.graceTimeOut=30s`, and the time for which it accepts requests before that. Entry
/// points have any name; the slowest one decides.
fn traefik(words: &[(&str, Place)]) -> Option<Drain> {
    let longest = |option: &str| {
        let values = words.iter().filter_map(|(word, place)| {
            let (name, value) = word.split_once('=')?;
            let name = name.to_ascii_lowercase();
            let is_meant = name.starts_with("--entrypoints.") && name.ends_with(option);
            is_meant.then_some(())?;
            Some((time(option, value)?, *place))
        });
        values.max_by_key(|(time, _)| *time)
    };
    let (drain, place) = longest(".transport.lifecycle.gracetimeout")?;
    let accepts = longest(".transport.lifecycle.requestacceptgracetimeout").map(|(time, _)| time);
    let from = if accepts.is_some() { "requestAcceptGraceTimeout + graceTimeOut" } else { "graceTimeOut" };
    declared(drain.saturating_add(accepts.unwrap_or_default()), from.to_owned(), place)
}

fn variable(variables: &[Variable]) -> Option<Drain> {
    variables.iter().find_map(|variable| {
        let value = variable.value.as_deref()?;
        let name = VARIABLES.iter().find(|name| name.eq_ignore_ascii_case(&variable.name))?;
        declared(time(name, value)?, (*name).to_owned(), variable.place)
    })
}

fn java_options(variables: &[Variable]) -> Option<Drain> {
    let named = variables.iter().filter(|variable| JAVA_OPTIONS.contains(&&*variable.name));
    let mut values = named.filter_map(|variable| Some((variable.value.as_deref()?, variable.place)));
    values.find_map(|(value, place)| {
        let words: Vec<_> = value.split_whitespace().map(|word| (word, place)).collect();
        flag(&words, &|_| false)
    })
}

fn gunicorn_variable(variables: &[Variable], runs: &impl Fn(&str) -> bool) -> Option<Drain> {
    let variable = variables.iter().find(|variable| variable.name == GUNICORN)?;
    let value = variable.value.as_deref()?;
    let words: Vec<_> = std::iter::once("gunicorn")
        .chain(value.split_whitespace())
        .map(|word| (word, variable.place))
        .collect();
    flag(&words, &|program| program == "gunicorn" || runs(program))
}

fn declared(time: Duration, from: String, place: Place) -> Option<Drain> {
    Some(Drain { time, from, place: Some(place), is_declared: true })
}

/// Reads a number of seconds, a duration with units, or an ISO 8601 duration such as `PT30S`. A number without a unit is milliseconds
/// for Spring.
fn time(name: &str, text: &str) -> Option<Duration> {
    let text = text.trim_end_matches([';', ')', '&']).trim_matches(['"', '\'']);
    if let Ok(number) = text.parse::<u64>() {
        let is_spring = name.to_ascii_lowercase().contains("spring");
        return Some(if is_spring { Duration::from_millis(number) } else { seconds(number) });
    }
    match text.strip_prefix("PT").or_else(|| text.strip_prefix("pt")) {
        Some(iso) => go_duration(&iso.to_ascii_lowercase()),
        None => go_duration(text),
    }
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Sources;

    fn found(line: &[&str], variables: &[(&str, &str)]) -> Option<(u64, String, bool)> {
        let place = Place::new(Sources::new().add("a", ""), 0, 0);
        let words: Vec<Word> = line.iter().map(|text| Word { text: (*text).to_owned(), place }).collect();
        let variables: Vec<Variable> = variables
            .iter()
            .map(|(name, value)| Variable {
                name: (*name).to_owned(),
                value: Some((*value).to_owned()),
                place,
            })
            .collect();
        let drain = drain_of(&words.iter().collect::<Vec<_>>(), &variables)?;
        Some((drain.time.as_secs(), drain.from, drain.is_declared))
    }

    #[test]
    fn flags_and_variables_of_known_servers_declare_the_drain() {
        for (line, variables, time, from) in [
            (&["gunicorn", "--graceful-timeout", "45", "app:app"][..], &[][..], 45, "--graceful-timeout"),
            (&["sh", "-c", "exec gunicorn --graceful-timeout=50 app"], &[], 50, "--graceful-timeout"),
            (&["uvicorn", "a:b", "--timeout-graceful-shutdown=20"], &[], 20, "--timeout-graceful-shutdown"),
            (&["bundle", "exec", "sidekiq", "-t", "55"], &[], 55, "-t"),
            (
                &["nginx", "-g", "daemon off; worker_shutdown_timeout 40s;"],
                &[],
                40,
                "worker_shutdown_timeout",
            ),
            (
                &["java"],
                &[("SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE", "PT1M")],
                60,
                "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE",
            ),
            (
                &["java"],
                &[("SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE", "45s")],
                45,
                "SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE",
            ),
            (
                &[],
                &[("JAVA_TOOL_OPTIONS", "-Xmx1g -Dspring.lifecycle.timeout-per-shutdown-phase=50s")],
                50,
                "-Dspring.lifecycle.timeout-per-shutdown-phase",
            ),
            (&["--entryPoints.tcp.transport.lifeCycle.graceTimeOut=40s"], &[], 40, "graceTimeOut"),
            (
                &[
                    "--entrypoints.web.transport.lifecycle.requestacceptgracetimeout=10",
                    "--entrypoints.web.transport.lifecycle.gracetimeout=30",
                ],
                &[],
                40,
                "requestAcceptGraceTimeout + graceTimeOut",
            ),
            (&[], &[("GUNICORN_CMD_ARGS", "--workers 2 --graceful-timeout 35")], 35, "--graceful-timeout"),
            (&[], &[("EBBTIDE_GRACE", "60s")], 55, "EBBTIDE_GRACE less its margin"),
        ] {
            assert_eq!(found(line, variables), Some((time, from.to_owned(), true)), "{line:?} {variables:?}");
        }
    }

    #[test]
    fn a_default_is_known_but_not_declared_and_other_programs_are_unknown() {
        assert_eq!(found(&["gunicorn", "app"], &[]), Some((30, "default of gunicorn".to_owned(), false)));
        for line in [
            &["gunicorn", "--graceful-timeout", "${T:-60}", "app"][..],
            &["sh", "-c", "exec gunicorn --graceful-timeout=\"$T\" app"],
            &["gunicorn", "app", "--graceful-timeout", ""],
            &["traefik", "--entryPoints.web.transport.lifeCycle.graceTimeOut=${T}"],
            &["curl", "--timeout", "5"],
            &["app", "-t", "5"],
            &["kube-thing", "--graceful-timeout", "5"],
            &["java"],
        ] {
            assert_eq!(found(line, &[]), None, "{line:?}");
        }
        assert_eq!(found(&["gunicorn", "app"], &[("GUNICORN_CMD_ARGS", "--graceful-timeout $T")]), None);
    }
}
