//! Converts the options to a scenario.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use ebbtide_demo::MissingFeature;
use ebbtide_rehearse::{
    BadCertificates, BadTarget, LoadPlan, Program, Protocol, Ready, RequestTemplate, Scenario, Shape,
    ShapePlan, StopAt, Trust,
};
use http::Method;
use thiserror::Error;

use super::args::{MOST_RUNS, RehearseArgs};
use super::calls::BadCalls;
use super::combinations::{self, Contradiction};
use super::service::BadService;
use super::shapes::{fitted, shapes};
use super::stop::stop_plan;
use crate::demo::{BadDemo, DemoService, check_demo, demo_database};

/// The options contradict each other, or are not supported by this build.
#[derive(Debug, Error)]
pub(crate) enum BadPlan {
    /// No service is named.
    #[error("no command of a service")]
    NoCommand,
    /// A shape has no route.
    #[error("no route for --{0}")]
    NoRoute(Shape),
    /// No shape of load is enabled.
    #[error("every shape of load is disabled")]
    NoLoad,
    /// A shape has more than one route.
    #[error("--url {0}=… was given more than once")]
    TwoRoutes(Shape),
    /// The body belongs to no request.
    #[error("the body is not sent: every request is a GET, a HEAD or an order")]
    BodyNotSent,
    /// The file of `--body-file` cannot be read.
    #[error("cannot read `{0}` (--body-file): {1}")]
    BodyFile(String, io::Error),
    /// The file of `--cacert` cannot be read.
    #[error("cannot read `{0}` (--cacert): {1}")]
    CaCert(String, io::Error),
    /// The file of `--cacert` has no certificates.
    #[error("invalid file `{0}` (--cacert): {1}")]
    NotCertificates(String, BadCertificates),
    /// The options of dependencies contradict each other.
    #[error(transparent)]
    Service(#[from] BadService),
    /// Options contradict each other.
    #[error(transparent)]
    Options(#[from] Contradiction),
    /// The options of calls contradict each other.
    #[error(transparent)]
    Calls(#[from] BadCalls),
    /// A route cannot be used.
    #[error(transparent)]
    Route(#[from] BadTarget),
    /// The command of `--compare` has no words, or an open quote.
    #[error("invalid --compare `{0}`: expected a command line")]
    Compare(String),
    /// The stop would begin before the service, which runs already, is ready.
    #[error("invalid --signal-at {0}: the service of --attach runs already")]
    Started(StopAt),
    /// A required feature is not in this build.
    #[error(transparent)]
    Feature(#[from] MissingFeature),
    /// The demo cannot be started.
    #[error(transparent)]
    Demo(#[from] BadDemo),
}

impl BadPlan {
    /// Returns the text of the `hint:` line.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Feature(missing) => missing.hint(),
            Self::Demo(demo) => demo.hint(),
            Self::NoCommand => {
                "write it after `--`, or as `command` in the section [rehearse] of ebbtide.toml; --demo needs none"
                    .to_owned()
            }
            Self::Options(why) => why.hint.clone(),
            Self::Service(service) => service.hint(),
            Self::Calls(calls) => calls.hint().to_owned(),
            Self::NoRoute(shape) => format!("add --url {shape}=METHOD:PATH"),
            Self::NoLoad => "leave at least one of --storm, --keepalive, --slow and --open on".to_owned(),
            Self::Started(_) => "--signal-at idle and load stop a service that runs".to_owned(),
            Self::Compare(_) => "quote the command as one argument: --compare './old --port 8080'".to_owned(),
            Self::BodyNotSent => "--method POST, or --url SHAPE=POST:PATH, sends it".to_owned(),
            Self::BodyFile(..) => "--body takes the body itself".to_owned(),
            Self::CaCert(..) | Self::NotCertificates(..) => {
                "--cacert takes a PEM file with the certificate of an authority, or with the service's own"
                    .to_owned()
            }
            Self::Route(_) | Self::TwoRoutes(_) => {
                "`ebbtide rehearse --help` explains every option".to_owned()
            }
        }
    }
}

impl BadPlan {
    /// Returns the options that the error is about, by the names that they have in clap, the one to change first.
    pub(super) fn options(&self) -> Vec<&'static str> {
        match self {
            Self::Options(why) => why.options.clone(),
            Self::NoLoad => vec!["storm", "keepalive", "slow", "open"],
            Self::TwoRoutes(_) | Self::Route(_) => vec!["url"],
            Self::NoRoute(shape) => vec![shape.name()],
            Self::BodyNotSent => vec!["body", "body_file"],
            Self::BodyFile(..) => vec!["body_file"],
            Self::CaCert(..) | Self::NotCertificates(..) => vec!["cacert"],
            Self::Service(BadService::TwoVias(_)) => vec!["via"],
            Self::Service(BadService::NoVia(_)) => vec!["via_at_signal"],
            Self::Service(BadService::NoRelay(_)) => vec!["env", "command"],
            Self::Calls(BadCalls::NotAProtoset(..) | BadCalls::Unreadable(..)) => vec!["protoset"],
            Self::Calls(_) => vec!["grpc_message", "protoset"],
            Self::Started(_) => vec!["signal_at"],
            Self::Compare(_) => vec!["compare"],
            Self::Feature(_) => vec!["database_url"],
            Self::NoCommand | Self::Demo(_) => Vec::new(),
        }
    }
}

/// Builds the scenario from `args`.
///
/// # Errors
///
/// The options contradict each other, or require a feature that this build does not have.
pub(crate) fn scenario(args: &RehearseArgs) -> Result<Scenario, BadPlan> {
    let program = program(args)?;
    let shapes = shapes(args)?;
    if shapes.is_empty() {
        return Err(BadPlan::NoLoad);
    }
    let template = template(args, &shapes)?;
    let mut load = LoadPlan {
        shapes,
        request_limit: args.request_timeout,
        connect_limit: args.connect_timeout,
        bound: args.max_requests,
        fitted: fitted(args),
        phases: !args.no_phases,
        posts: args.method.is_none(),
    };
    args.calls.complete(&mut load)?;
    let stop = stop_plan(args);
    combinations::check(args, &load, &stop)?;
    let database = database(args)?;
    Ok(Scenario {
        program,
        env: args.service.variables(),
        folder: args.origins.folder_of("command").map(Path::to_owned),
        pid_one: args.service.pid1,
        ready: args.ready.clone().unwrap_or(Ready::Managed),
        ready_limit: args.ready_timeout,
        liveness: args.service.liveness.clone(),
        require_readiness: args.require_readiness || args.demo,
        allow_status: args.allow_status.clone(),
        expect_status: args.expect_status.clone(),
        strict: args.strict,
        template,
        load,
        stop,
        via: args.service.vias(&args.command)?,
        database,
        report: env::var_os("EBBTIDE_REPORT").filter(|path| !path.is_empty()).map(Into::into),
        repeat: args.repeat.unwrap_or(if args.until_failure { MOST_RUNS } else { 1 }),
        until_failure: args.until_failure,
        janitor: env::current_exe().ok(),
        seed: args.seed.unwrap_or_else(|| u64::from(fastrand::u32(..))),
    })
}

fn program(args: &RehearseArgs) -> Result<Program, BadPlan> {
    if let Some(pid) = args.service.attach {
        return match args.stop.signal_at {
            at @ (StopAt::Startup | StopAt::Random) => Err(BadPlan::Started(at)),
            StopAt::Idle | StopAt::Load => Ok(Program::Running(pid)),
        };
    }
    match (args.demo, args.command.clone()) {
        (true, options) => {
            let vias = args.service.vias(&options)?;
            Ok(Program::Managed(Arc::new(DemoService::new(options, vias))))
        }
        (false, words) if words.is_empty() => Err(BadPlan::NoCommand),
        (false, words) => Ok(Program::Command(words)),
    }
}

/// Returns the scenario for the command of `--compare`: the other one with this program.
pub(super) fn compared(args: &RehearseArgs, scenario: &Scenario) -> Result<Option<Scenario>, BadPlan> {
    let Some(line) = &args.compare else { return Ok(None) };
    let words = shlex::split(line).filter(|words| !words.is_empty());
    let mut words: Vec<OsString> =
        words.ok_or_else(|| BadPlan::Compare(line.clone()))?.into_iter().map(Into::into).collect();
    args.service.vias(&words)?;
    let folder = args.origins.folder_of("compare").map(Path::to_owned);
    if let (Some(folder), Some(program)) = (&folder, words.first_mut()) {
        program_in(folder, program);
    }
    let program = Program::Command(words);
    Ok(Some(Scenario { program, folder, ..scenario.clone() }))
}

/// Makes `program` a path from `folder` if it is a relative path: neither absolute nor the name of one in `PATH`.
pub(super) fn program_in(folder: &Path, program: &mut OsString) {
    let path = Path::new(program.as_os_str());
    if path.is_relative() && path.components().count() > 1 {
        *program = folder.join(path).into_os_string();
    }
}

/// The longest body that a file may have.
const LONGEST_BODY: u64 = 64 * 1024 * 1024;

/// Returns what the requests of `shapes` carry.
fn template(args: &RehearseArgs, shapes: &[ShapePlan]) -> Result<RequestTemplate, BadPlan> {
    let body = match &args.body_file {
        Some(path) => {
            let unreadable = |error| BadPlan::BodyFile(path.display().to_string(), error);
            Some(read(path).map_err(unreadable)?)
        }
        None => args.body.clone().map(String::into_bytes),
    };
    let template = RequestTemplate {
        headers: args.header.clone(),
        host: args.host.clone(),
        body: body.map(Into::into),
        trust: trust(args)?,
        protocol: args.http2.map_or(Protocol::Http1, |streams| Protocol::Http2 { streams }),
    };
    let has_own = |shape: &ShapePlan| matches!(shape.shape(), Shape::Orders | Shape::Tcp);
    let sends_body = |shape: &ShapePlan| !has_own(shape) && template.has_body(&shape.route().method);
    if template.body.is_some() && !shapes.iter().any(sends_body) {
        return Err(BadPlan::BodyNotSent);
    }
    Ok(template)
}

/// Returns which certificates are accepted.
fn trust(args: &RehearseArgs) -> Result<Trust, BadPlan> {
    match &args.cacert {
        _ if args.insecure => Ok(Trust::any()),
        None => Ok(Trust::default()),
        Some(path) => {
            let name = || path.display().to_string();
            let pem = read(path).map_err(|error| BadPlan::CaCert(name(), error))?;
            Trust::pem(&pem).map_err(|why| BadPlan::NotCertificates(name(), why))
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    File::open(path)?.take(LONGEST_BODY.saturating_add(1)).read_to_end(&mut body)?;
    if body.len() as u64 > LONGEST_BODY {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 MiB"));
    }
    Ok(body)
}

/// Returns the method of requests that have none in `--url`.
pub(super) fn method(args: &RehearseArgs) -> Method {
    let has_body = args.body.is_some() || args.body_file.is_some();
    args.method.clone().unwrap_or(if has_body { Method::POST } else { Method::GET })
}

/// Returns the database to watch: the one from `--database-url`, or else the demo's.
fn database(args: &RehearseArgs) -> Result<Option<String>, BadPlan> {
    if args.database_url.is_some() && cfg!(not(feature = "postgres")) {
        return Err(MissingFeature::new("--database-url", "postgres").into());
    }
    let from_env = || env::var("DATABASE_URL").ok().filter(|url| args.demo && url.starts_with("postgres"));
    let database = args.database_url.clone().or_else(from_env);
    if !args.demo {
        return Ok(database);
    }
    let vias = args.service.vias(&args.command)?;
    let database = demo_database(database, &vias);
    check_demo(&args.command, &args.service.env, database.as_deref(), &vias)?;
    Ok(database)
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;
    use crate::error_form;
    use crate::rehearse::combinations::one_file;

    fn unknown_option() -> BadDemo {
        BadDemo::Options { why: "unknown option".to_owned(), valid: vec!["stuck-worker".to_owned()] }
    }

    #[test]
    fn error_texts_have_the_form() {
        let missing = || MissingFeature::new("--queue redis", "redis");
        error_form::walk! {
            BadPlan::NoCommand => BadPlan::NoCommand;
            BadPlan::NoRoute(_) => BadPlan::NoRoute(Shape::Storm);
            BadPlan::NoLoad => BadPlan::NoLoad;
            BadPlan::BodyNotSent => BadPlan::BodyNotSent;
            BadPlan::BodyFile(..) => BadPlan::BodyFile("body.json".to_owned(), io::ErrorKind::NotFound.into());
            BadPlan::CaCert(..) => BadPlan::CaCert("ca.pem".to_owned(), io::ErrorKind::NotFound.into());
            BadPlan::NotCertificates(..) => BadPlan::NotCertificates("ca.pem".to_owned(), BadCertificates::None);
            BadPlan::Service(_) => BadPlan::Service(BadService::NoVia("redis".to_owned()));
            BadPlan::Options(_) => BadPlan::Options(one_file(None, "json"));
            BadPlan::Calls(_) => BadPlan::Calls(BadCalls::TwoMessages);
            BadPlan::Route(_) => BadPlan::Route(BadTarget::NotARoute("POST".to_owned()));
            BadPlan::Compare(_) => BadPlan::Compare("sh -c '".to_owned());
            BadPlan::TwoRoutes(_) => BadPlan::TwoRoutes(Shape::Storm);
            BadPlan::Started(_) => BadPlan::Started(StopAt::Startup);
            BadPlan::Feature(_) => BadPlan::Feature(missing());
            BadPlan::Demo(_) => BadPlan::Demo(unknown_option()), BadPlan::Demo(missing().into());
        }
    }

    #[test]
    fn without_options_the_scenario_is_that_of_the_library() {
        let options = RehearseArgs::augment_args(clap::Command::new("rehearse"));
        let words = ["rehearse", "--ready=http://127.0.0.1:1/readyz", "--", "./service", "--port=1"];
        let args = RehearseArgs::from_arg_matches(&options.get_matches_from(words)).unwrap();
        let given = scenario(&args).unwrap();
        let library = Scenario::new(given.program.clone(), given.ready.clone());
        // What belongs to this process and its environment.
        let given = Scenario { janitor: None, report: None, seed: library.seed, ..given };
        assert_eq!(format!("{given:#?}"), format!("{library:#?}"));
    }

    #[test]
    fn hints_have_the_form() {
        let missing = || MissingFeature::new("--queue redis", "redis");
        for error in [
            BadPlan::NoCommand,
            BadPlan::NoRoute(Shape::Storm),
            BadPlan::NoLoad,
            BadPlan::BodyNotSent,
            BadPlan::BodyFile("body.json".to_owned(), io::ErrorKind::NotFound.into()),
            BadPlan::NotCertificates("ca.pem".to_owned(), BadCertificates::None),
            BadPlan::TwoRoutes(Shape::Storm),
            BadPlan::Started(StopAt::Random),
            BadPlan::Feature(missing()),
            BadPlan::Demo(unknown_option()),
            BadPlan::Demo(missing().into()),
        ] {
            assert_eq!(error_form::violations(&error.hint()), [""; 0], "{error}");
        }
    }
}
