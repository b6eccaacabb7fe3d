//! Converts the options to a scenario.

use std::env;
use std::sync::Arc;

use ebbtide_demo::MissingFeature;
use ebbtide_rehearse::{
    Fitted, LoadPlan, Program, Ready, Route, SHORT_THINK, Scenario, Shape, ShapePlan, StopPlan,
};
use thiserror::Error;

use super::args::{MOST_RUNS, RehearseArgs};
use crate::demo::{BadDemo, DemoService, check_demo};

/// The options contradict each other, or are not supported by this build.
#[derive(Debug, Error)]
pub(crate) enum BadPlan {
    /// A shape has no route.
    #[error("no route for --{0}")]
    NoRoute(Shape),
    /// No shape of load is enabled.
    #[error("every shape of load is disabled")]
    NoLoad,
    /// A shape has more than one route.
    #[error("--url {0}=… was given more than once")]
    TwoRoutes(Shape),
    /// The command of `--compare` has no words, or an open quote.
    #[error("invalid --compare `{0}`: expected a command line")]
    Compare(String),
    /// The stop signal is SIGKILL.
    #[error("invalid --signal KILL: no service can handle it")]
    Kill,
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
            Self::NoRoute(shape) => format!("add --url {shape}=METHOD:PATH"),
            Self::NoLoad => "leave at least one of --storm, --keepalive, --slow and --open on".to_owned(),
            Self::Kill => "SIGKILL is sent anyway at the end of --grace".to_owned(),
            Self::Compare(_) => "quote the command as one argument: --compare './old --port 8080'".to_owned(),
            Self::TwoRoutes(_) => "`ebbtide rehearse --help` explains every option".to_owned(),
        }
    }
}

/// Builds the scenario from `args`.
///
/// # Errors
///
/// The options contradict each other, or require a feature that this build does not have.
pub(crate) fn scenario(args: &RehearseArgs) -> Result<Scenario, BadPlan> {
    if args.signal.number() == libc::SIGKILL {
        return Err(BadPlan::Kill);
    }
    let shapes = shapes(args)?;
    if shapes.is_empty() {
        return Err(BadPlan::NoLoad);
    }
    let command = args.command.clone();
    let database = database(args)?;
    Ok(Scenario {
        program: if args.demo {
            Program::Managed(Arc::new(DemoService::new(command)))
        } else {
            Program::Command(command)
        },
        ready: args.ready.clone().unwrap_or(Ready::Managed),
        ready_limit: args.ready_timeout,
        require_readiness: args.require_readiness || args.demo,
        allow_status: args.allow_status.clone(),
        expect_status: args.expect_status.clone(),
        strict: args.strict,
        load: LoadPlan {
            shapes,
            request_limit: args.request_timeout,
            connect_limit: args.connect_timeout,
            bound: args.max_requests,
            fitted: fitted(args),
            phases: !args.no_phases,
        },
        stop: StopPlan {
            signal: args.signal,
            grace: args.grace,
            expected: args.expect_exit.clone(),
            warmup: args.warmup,
            window: args.window,
        },
        database,
        report: env::var_os("EBBTIDE_REPORT").filter(|path| !path.is_empty()).map(Into::into),
        repeat: args.repeat.unwrap_or(if args.until_failure { MOST_RUNS } else { 1 }),
        until_failure: args.until_failure,
        janitor: env::current_exe().ok(),
        seed: args.seed.unwrap_or_else(|| u64::from(fastrand::u32(..))),
    })
}

/// Returns the scenario for the command of `--compare`: the other one with this program.
pub(super) fn compared(args: &RehearseArgs, scenario: &Scenario) -> Result<Option<Scenario>, BadPlan> {
    let Some(line) = &args.compare else { return Ok(None) };
    let words = shlex::split(line).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| BadPlan::Compare(line.clone()))?;
    let program = Program::Command(words.into_iter().map(Into::into).collect());
    Ok(Some(Scenario { program, ..scenario.clone() }))
}

/// Returns the database to watch: the one from `--database-url`, or else the demo's.
fn database(args: &RehearseArgs) -> Result<Option<String>, BadPlan> {
    if args.database_url.is_some() && cfg!(not(feature = "postgres")) {
        return Err(MissingFeature::new("--database-url", "postgres").into());
    }
    let from_env = || env::var("DATABASE_URL").ok().filter(|url| args.demo && url.starts_with("postgres"));
    let database = args.database_url.clone().or_else(from_env);
    if args.demo {
        check_demo(&args.command, database.as_deref())?;
    }
    Ok(database)
}

/// Returns which numbers are fitted to the service: those that were not given. None for the demo, whose load is known.
fn fitted(args: &RehearseArgs) -> Fitted {
    let fitted = |given: Option<u32>| given.is_none() && !args.demo;
    Fitted { storm: fitted(args.storm), keepalive: fitted(args.keepalive), open: fitted(args.open) }
}

/// The maximum number of clients, and the maximum rate, of a load whose numbers are not given.
const STORM: u32 = 64;
const KEEPALIVE: u32 = 200;
const OPEN: u32 = 100;

fn shapes(args: &RehearseArgs) -> Result<Vec<ShapePlan>, BadPlan> {
    let mut shapes = Vec::new();
    let think = args.think;
    let (storm, keepalive) = (args.storm.unwrap_or(STORM), args.keepalive.unwrap_or(KEEPALIVE));
    let open = args.open.unwrap_or(OPEN);
    if storm > 0 {
        shapes.push(ShapePlan::Storm { clients: storm, rate: None, route: route(args, Shape::Storm)? });
    }
    if keepalive > 0 {
        let route = route(args, Shape::Keepalive)?;
        shapes.push(ShapePlan::Keepalive { clients: keepalive, think, route });
    }
    let has_slow = args.demo || args.url.iter().any(|(shape, _)| *shape == Shape::Slow);
    let slow = args.slow.unwrap_or(if has_slow { 8 } else { 0 });
    if slow > 0 {
        let route = route(args, Shape::Slow)?;
        shapes.push(ShapePlan::Slow { clients: slow, time: args.slow_time, route });
    }
    if open > 0 {
        shapes.push(ShapePlan::Open { rate: open, route: route(args, Shape::Open)? });
    }
    let has_orders = args.demo || args.url.iter().any(|(shape, _)| *shape == Shape::Orders);
    let orders = args.orders.unwrap_or(if has_orders { 4 } else { 0 });
    if orders > 0 {
        let route = route(args, Shape::Orders)?;
        shapes.push(ShapePlan::Orders { clients: orders, think: SHORT_THINK, route });
    }
    Ok(shapes)
}

/// Returns the route of `shape`: the given one, or else the demo's, or else one that is searched for when the service is ready.
fn route(args: &RehearseArgs, shape: Shape) -> Result<Route, BadPlan> {
    let mut given = args.url.iter().filter(|(known, _)| *known == shape).map(|(_, route)| route);
    match (given.next(), given.next()) {
        (Some(_), Some(_)) => return Err(BadPlan::TwoRoutes(shape)),
        (Some(route), None) => return Ok(route.clone()),
        (None, _) => {}
    }
    let path = match (args.demo, shape) {
        (true, Shape::Slow) => "/slow?ms={ms}",
        (true, Shape::Orders) => return Ok(Route { method: http::Method::POST, ..Route::get("/orders") }),
        (true, _) => "/ping",
        (false, Shape::Slow | Shape::Orders) => return Err(BadPlan::NoRoute(shape)),
        (false, _) => return Ok(Route::to_be_found()),
    };
    Ok(Route::get(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let missing = || MissingFeature::new("--queue redis", "redis");
        error_form::walk! {
            BadPlan::NoRoute(_) => BadPlan::NoRoute(Shape::Storm);
            BadPlan::NoLoad => BadPlan::NoLoad;
            BadPlan::Compare(_) => BadPlan::Compare("sh -c '".to_owned());
            BadPlan::TwoRoutes(_) => BadPlan::TwoRoutes(Shape::Storm);
            BadPlan::Kill => BadPlan::Kill;
            BadPlan::Feature(_) => BadPlan::Feature(missing());
            BadPlan::Demo(_) => BadPlan::Demo(BadDemo::Options("unknown option".to_owned())), BadPlan::Demo(missing().into());
        }
    }

    #[test]
    fn hints_have_the_form() {
        let missing = || MissingFeature::new("--queue redis", "redis");
        for error in [
            BadPlan::NoRoute(Shape::Storm),
            BadPlan::NoLoad,
            BadPlan::TwoRoutes(Shape::Storm),
            BadPlan::Kill,
            BadPlan::Feature(missing()),
            BadPlan::Demo(BadDemo::Options("unknown option".to_owned())),
            BadPlan::Demo(missing().into()),
        ] {
            assert_eq!(error_form::violations(&error.hint()), [""; 0], "{error}");
        }
    }
}
