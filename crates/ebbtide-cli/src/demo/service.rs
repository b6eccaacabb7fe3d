//! The demo as a service to rehearse: its command line, and where its queue is.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::iter;
use std::path::Path;
use std::time::Duration;

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue};
use ebbtide_demo::MissingFeature;
use ebbtide_demo::queue::QueuePlace;
use ebbtide_rehearse::{BoxFuture, ManagedService, RunPlace, ServiceStore, SetUp};
use thiserror::Error;

use super::store::StorePlace;
use crate::usage::said_once;

/// The demo service with its options; the rehearsal sets the address, the data folder and the queue.
#[derive(Clone, Debug)]
pub(crate) struct DemoService {
    options: Vec<OsString>,
}

impl DemoService {
    pub(crate) fn new(options: Vec<OsString>) -> Self {
        Self { options }
    }
}

impl ManagedService for DemoService {
    fn title(&self) -> String {
        let options = self.options.iter().map(|word| word.to_string_lossy());
        ["ebbtide demo".into()].into_iter().chain(options).collect::<Vec<_>>().join(" ")
    }

    fn steady_path(&self) -> &str {
        "/ping"
    }

    fn ready_path(&self) -> &str {
        "/readyz"
    }

    fn set_up<'a>(&'a self, run: RunPlace<'a>) -> BoxFuture<'a, std::io::Result<SetUp>> {
        Box::pin(async move {
            let data = run.folder.join("data");
            fs::create_dir(&data)?;
            let env = run.database.map(|url| ("DATABASE_URL", url.into()));
            let times = DemoTimes { grace: run.grace, min_lame_duck: run.min_lame_duck };
            let words = demo_program(&env::current_exe()?, run.port, &data, times, &self.options);
            let store = match queue_of(&words, &data, run.database) {
                Some(queue) => {
                    let place = StorePlace::note(data, run.database.map(str::to_owned), queue).await;
                    Some(Box::new(place) as Box<dyn ServiceStore>)
                }
                None => None,
            };
            Ok(SetUp { words, env: env.into_iter().collect(), store })
        })
    }
}

/// Checks that a demo with these options can be started by this build.
///
/// # Errors
///
/// The options are not the demo's, or require a feature that this build does not have.
pub(crate) fn check_demo(options: &[OsString], database: Option<&str>) -> Result<(), BadDemo> {
    let program: OsString = "demo".into();
    let parsed = DemoCommand::try_parse_from(iter::once(&program).chain(options)).map_err(|error| {
        if error.use_stderr() {
            BadDemo::Options { why: first_line(&error), valid: valid_values(&error) }
        } else {
            BadDemo::Options { why: "--help does not start a service".to_owned(), valid: Vec::new() }
        }
    })?;
    parsed.args.missing_feature(database).map_or(Ok(()), |missing| Err(missing.into()))
}

/// Why a demo cannot be started.
#[derive(Debug, Error)]
pub(crate) enum BadDemo {
    /// The options are invalid.
    #[error("options of the demo: {why}")]
    Options {
        /// What is wrong with them.
        why: String,
        /// The values that the option takes, if these are few.
        valid: Vec<String>,
    },
    /// A required feature is not in this build.
    #[error(transparent)]
    Feature(#[from] MissingFeature),
}

impl BadDemo {
    /// Returns the text of the `hint:` line.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Options { valid, .. } => {
                let help = "`ebbtide demo --help` explains the options after `--`";
                if valid.is_empty() {
                    help.to_owned()
                } else {
                    format!("valid values: {}; {help}", valid.join(", "))
                }
            }
            Self::Feature(missing) => missing.hint(),
        }
    }
}

/// What is wrong with a command line, in one line.
fn first_line(error: &clap::Error) -> String {
    let said = said_once(error, &error.render().to_string());
    let first = said.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}

/// The values that the option takes.
fn valid_values(error: &clap::Error) -> Vec<String> {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => values.clone(),
        _ => Vec::new(),
    }
}

/// What the demo has to know of the stop.
#[derive(Clone, Copy)]
struct DemoTimes {
    grace: Duration,
    min_lame_duck: Duration,
}

/// Returns the demo's command line: the rehearsal sets address, data folder, grace period and lame duck unless `options` override
/// them.
fn demo_program(exe: &Path, port: u16, data: &Path, times: DemoTimes, options: &[OsString]) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec![exe.into(), "demo".into()];
    words.extend(["--listen".into(), format!("127.0.0.1:{port}").into()]);
    words.extend(["--data".into(), data.into()]);
    if !has(options, "--grace") {
        words.extend(["--grace".into(), format!("{}ms", times.grace.as_millis()).into()]);
    }
    if !has(options, "--lame-duck") {
        let lame_duck = times.min_lame_duck.max(LAME_DUCK);
        words.extend(["--lame-duck".into(), format!("{}ms", lame_duck.as_millis()).into()]);
    }
    words.extend(["--queue-name".into(), queue_name().into()]);
    words.extend(options.iter().cloned());
    words
}

/// Returns the queue of a demo with that command line. `None` for invalid options, which the demo itself reports.
fn queue_of(words: &[OsString], data: &Path, database: Option<&str>) -> Option<QueuePlace> {
    let parsed = DemoCommand::try_parse_from(words.iter().skip(1)).ok()?;
    Some(parsed.args.queue_place(data, database))
}

#[derive(clap::Parser)]
struct DemoCommand {
    #[command(flatten)]
    args: ebbtide_demo::Args,
}

/// Returns a queue name that is unique on a shared broker.
fn queue_name() -> String {
    format!("ebbtide-rehearsal-{}-{:08x}", std::process::id(), fastrand::u32(..))
}

/// Long enough that a probe every few milliseconds sees readiness turn red, short enough for many runs.
const LAME_DUCK: Duration = Duration::from_secs(1);

fn has(options: &[OsString], name: &str) -> bool {
    options
        .iter()
        .filter_map(|word| word.to_str())
        .any(|word| word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
}

#[cfg(test)]
mod tests {
    use ebbtide_demo::queue::QueueKind;

    use super::*;
    use crate::error_form;

    const TIMES: DemoTimes = DemoTimes { grace: Duration::from_secs(3), min_lame_duck: Duration::ZERO };

    #[test]
    fn the_demo_serves_for_as_long_as_the_rehearsal_requires() {
        let lame_duck = |min_lame_duck| {
            let times = DemoTimes { min_lame_duck, ..TIMES };
            let words = demo_program(Path::new("x"), 1, Path::new("/d"), times, &[]);
            let at = words.iter().position(|word| word == "--lame-duck").unwrap();
            words[at + 1].clone()
        };
        assert_eq!(lame_duck(Duration::ZERO), "1000ms");
        assert_eq!(lame_duck(Duration::from_secs(5)), "5000ms");
    }

    #[test]
    fn the_users_lame_duck_and_grace_replace_those_of_the_demo() {
        let options: Vec<OsString> = ["--lame-duck=2s", "--grace", "9s"].map(Into::into).into();
        let words = demo_program(Path::new("x"), 1, Path::new("/d"), TIMES, &options);
        let count = |name| words.iter().filter(|word| word.to_string_lossy().starts_with(name)).count();
        assert_eq!((count("--lame-duck"), count("--grace")), (1, 1));
    }

    #[test]
    fn the_demo_queue_is_located_and_not_shared_between_runs() {
        let queue = |options: &[&str], database| {
            let options: Vec<OsString> = options.iter().map(Into::into).collect();
            let words = demo_program(Path::new("x"), 1, Path::new("/d"), TIMES, &options);
            queue_of(&words, Path::new("/d"), database)
        };
        let (one, other) = (queue(&[], None).unwrap(), queue(&["--fault=keep-jobs"], None).unwrap());
        assert_eq!((one.kind, one.url.as_str()), (QueueKind::Sqlite, "/d/jobs.db"));
        assert_ne!(one.name, other.name);
        let database = Some("postgres://db/orders");
        assert_eq!(queue(&[], database).unwrap().url, "postgres://db/orders");
        assert_eq!(queue(&["--queue", "redis"], database).unwrap().kind, QueueKind::Redis);
        assert!(queue(&["--queue", "carrier-pigeon"], None).is_none());
    }

    fn options_of(line: &str) -> BadDemo {
        let options: Vec<OsString> = line.split(' ').map(Into::into).collect();
        check_demo(&options, None).unwrap_err()
    }

    #[test]
    fn a_fault_that_does_not_exist_is_answered_with_those_that_do() {
        let error = options_of("--fault foo");
        assert_eq!(error.to_string(), "options of the demo: invalid value 'foo' for '--fault <NAME>'");
        assert!(
            error.hint().starts_with("valid values: stuck-worker, blocked-runtime, "),
            "{}",
            error.hint()
        );
        // What an option takes cannot always be listed.
        let error = options_of("--grace soon");
        assert!(
            error.to_string().contains("invalid duration `soon` for '--grace <TIME>': expected seconds"),
            "{error}"
        );
        assert!(error.hint().starts_with("`ebbtide demo --help`"), "{}", error.hint());
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            BadDemo::Options { .. } => options_of("--fault foo");
            BadDemo::Feature(_) => BadDemo::Feature(MissingFeature::new("--queue redis", "redis"));
        }
    }
}
