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
use ebbtide_demo::queue::{QueueKind, QueuePlace};
use ebbtide_rehearse::{BoxFuture, ManagedService, RunPlace, ServiceStore, SetUp, Via};
use thiserror::Error;

use super::store::StorePlace;
use super::vias;
use crate::usage::said_once;

/// The demo service with its options; the rehearsal sets the address, the data folder and the queue.
#[derive(Clone, Debug)]
pub(crate) struct DemoService {
    options: Vec<OsString>,
    vias: Vec<Via>,
}

impl DemoService {
    /// Creates a demo that reaches `vias` through relays.
    pub(crate) fn new(options: Vec<OsString>, vias: Vec<Via>) -> Self {
        Self { options, vias }
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
            let times = DemoTimes { grace: run.grace, min_lame_duck: run.min_lame_duck };
            let words = demo_program(&env::current_exe()?, run.port, &data, times, &self.options);
            let queue = queue_of(&words, &data, run.database).map(|queue| vias::behind(queue, &self.vias));
            let env = vias::variables(run.database, queue.as_ref(), &self.vias);
            let store = match queue {
                Some(queue) => {
                    let place = StorePlace::note(data, run.database.map(str::to_owned), queue).await;
                    Some(Box::new(place) as Box<dyn ServiceStore>)
                }
                None => None,
            };
            let env = env.into_iter().map(|(name, value)| (name, value.into())).collect();
            Ok(SetUp { words, env, store })
        })
    }
}

/// Checks that a demo with these options and variables can be started by this build, and reaches each dependency of `vias`.
///
/// # Errors
///
/// The options are not the demo's, or require a feature that this build does not have. Or a relay leads to what the demo does not use, or a
/// variable leads the demo elsewhere than the rehearsal.
pub(crate) fn check_demo(
    options: &[OsString],
    env: &[(String, String)],
    database: Option<&str>,
    vias: &[Via],
) -> Result<(), BadDemo> {
    let program: OsString = "demo".into();
    let parsed = DemoCommand::try_parse_from(iter::once(&program).chain(options)).map_err(|error| {
        if error.use_stderr() {
            BadDemo::Options { why: first_line(&error), valid: valid_values(&error) }
        } else {
            BadDemo::Options { why: "--help does not start a service".to_owned(), valid: Vec::new() }
        }
    })?;
    vias::check_variables(env)?;
    vias::check(parsed.args.queue_place(Path::new(""), database).kind, vias)?;
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
    /// A relay leads to a dependency that the demo does not have.
    #[error("--via {name} has no effect: the demo does not connect to it")]
    NoUse {
        /// Its name.
        name: String,
        /// The broker of that protocol, if the demo can use one.
        broker: Option<QueueKind>,
    },
    /// Two relays lead to the same dependency of the demo.
    #[error("--via {1} has no effect: the demo connects through --via {0}")]
    TwoRelays(String, String),
    /// A variable that only the demo would get, and the rehearsal has to know.
    #[error("--env {0} is not supported with --demo: the rehearsal reads the same broker")]
    Variable(String),
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
            Self::NoUse { broker: Some(kind), .. } => {
                format!("`-- --queue {}` puts the queue of the demo there", kind.name())
            }
            Self::NoUse { broker: None, .. } => {
                "the demo can use postgres, redis, rabbitmq and nats; of a service of your own, --via takes the others too"
                    .to_owned()
            }
            Self::TwoRelays(_, second) => format!("remove --via {second}"),
            Self::Variable(name) => format!("set {name} in the environment of the command"),
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
        check_demo(&options, &[], None, &[]).unwrap_err()
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

    fn no_use(broker: Option<QueueKind>) -> BadDemo {
        BadDemo::NoUse { name: "nats".to_owned(), broker }
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            BadDemo::Options { .. } => options_of("--fault foo");
            BadDemo::NoUse { .. } => no_use(None), no_use(Some(QueueKind::Nats));
            BadDemo::TwoRelays(..) => BadDemo::TwoRelays("redis".to_owned(), "redis-2".to_owned());
            BadDemo::Variable(_) => BadDemo::Variable("REDIS_URL".to_owned());
            BadDemo::Feature(_) => BadDemo::Feature(MissingFeature::new("--queue redis", "redis"));
        }
        for error in [
            no_use(None),
            no_use(Some(QueueKind::Nats)),
            BadDemo::TwoRelays("redis".to_owned(), "redis-2".to_owned()),
            BadDemo::Variable("REDIS_URL".to_owned()),
        ] {
            assert_eq!(error_form::violations(&error.hint()), [""; 0], "{error}");
        }
    }
}
