//! How the service runs: the options beside its command and its readiness.

use std::ffi::OsString;

use clap::Args;
use ebbtide_rehearse::{Route, Via, ViaAtSignal, unknown_relay};
use thiserror::Error;

use super::args::SERVICE;
use super::values::{limit, liveness, pid};

/// How the service runs.
#[derive(Debug, Args)]
pub(super) struct ServiceArgs {
    /// Liveness check that must stay green until the listener closes
    ///
    /// A path at the address of --ready, or a URL. It is polled like readiness, from readiness until the exit. An orchestrator restarts or kills a
    /// container whose liveness fails, also in the middle of its drain.
    #[arg(long, help_heading = SERVICE, value_name = "URL|PATH", value_parser = liveness, allow_hyphen_values = true)]
    pub(super) liveness: Option<Route>,

    /// Run the service as PID 1, as in a container
    ///
    /// It gets a PID namespace of its own, and a /proc for it where the system permits one. As PID 1 a signal without a handler does nothing: a
    /// shell without a trap runs on until SIGKILL. When it ends, the kernel kills every process that it started. Requires root,
    /// or user namespaces.
    #[arg(long, help_heading = SERVICE)]
    pub(super) pid1: bool,

    /// Rehearse a service that runs already, by its process id
    ///
    /// Its listener is found in /proc, and it gets the signal. Only its parent learns its exit code, and its output is not read: what needs
    /// them is inconclusive. It is signalled once, and not ended if the rehearsal is interrupted.
    #[arg(
        long,
        help_heading = SERVICE,
        value_name = "PID",
        value_parser = pid,
        allow_hyphen_values = true,
        conflicts_with_all = ["command", "demo", "init", "pid1", "env", "via", "compare", "repeat", "until_failure", "expect_exit"],
    )]
    pub(super) attach: Option<i32>,

    /// Variable of the service's environment; repeatable
    ///
    /// `{via.NAME}` in VALUE is the address of the relay to a dependency (--via).
    #[arg(long, help_heading = SERVICE, value_name = "NAME=VALUE", value_parser = variable)]
    pub(super) env: Vec<(String, String)>,

    /// Reach a dependency through a relay, which sees how connections end
    ///
    /// NAME is the protocol, or begins with it, as in `postgres-orders`: postgres, mysql, redis, rabbitmq, nats, or tcp for any other. In each
    /// run the relay has another port of 127.0.0.1. The service gets its address as `{via.NAME}` in the command and in --env,
    /// with the port alone as `{via.NAME.port}`, and as the variable VIA_NAME. Everything is passed on as it is. The demo (--demo) connects to
    /// its database (postgres) and to the broker of its queue through them.
    #[arg(long, help_heading = SERVICE, value_name = "NAME=HOST:PORT", value_parser = Via::parse)]
    pub(super) via: Vec<Via>,

    /// Slow a dependency down from the signal on, or silence it
    ///
    /// With delay:TIME, what is sent arrives TIME later, in each direction. With silence it does not arrive, and connections stay open: a
    /// service has to stop in time all the same.
    #[arg(long, help_heading = SERVICE, value_name = "NAME=delay:TIME|silence", value_parser = at_signal)]
    pub(super) via_at_signal: Vec<(String, ViaAtSignal)>,
}

/// The options of dependencies contradict each other.
#[derive(Debug, Error)]
pub(crate) enum BadService {
    /// A dependency has more than one address.
    #[error("--via {0} was given more than once")]
    TwoVias(String),
    /// A dependency that has no relay cannot be slow.
    #[error("--via-at-signal {0} without --via {0}")]
    NoVia(String),
    /// A placeholder belongs to no relay.
    #[error("no relay for {{via.{0}}}")]
    NoRelay(String),
}

impl BadService {
    /// Returns the text of the `hint:` line.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::TwoVias(name) => format!("give them different names, such as {name} and {name}-2"),
            Self::NoVia(name) => format!("add --via {name}=HOST:PORT"),
            Self::NoRelay(_) => "{via.NAME} is the address of the relay of --via NAME=HOST:PORT".to_owned(),
        }
    }
}

impl ServiceArgs {
    /// Returns the dependencies of a service with this `command`.
    pub(super) fn vias(&self, command: &[OsString]) -> Result<Vec<Via>, BadService> {
        let mut vias: Vec<Via> = Vec::new();
        for via in &self.via {
            if vias.iter().any(|known| known.name == via.name) {
                return Err(BadService::TwoVias(via.name.clone()));
            }
            vias.push(via.clone());
        }
        for (name, at_signal) in &self.via_at_signal {
            let via = vias.iter_mut().find(|via| via.name == *name);
            via.ok_or_else(|| BadService::NoVia(name.clone()))?.at_signal = Some(*at_signal);
        }
        let words = command.iter().filter_map(|word| word.to_str());
        let mut texts = words.chain(self.env.iter().map(|(_, value)| value.as_str()));
        match texts.find_map(|text| unknown_relay(text, &vias)) {
            Some(name) => Err(BadService::NoRelay(name.to_owned())),
            None => Ok(vias),
        }
    }

    /// Returns the variables that are added to the environment.
    pub(super) fn variables(&self) -> Vec<(OsString, OsString)> {
        self.env.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }
}

/// Parses `NAME=VALUE`.
fn variable(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = parts.ok_or_else(|| format!("invalid variable `{text}`: expected NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Parses `NAME=silence`, `NAME=delay:500ms`.
fn at_signal(text: &str) -> Result<(String, ViaAtSignal), String> {
    let wrong = || format!("invalid change `{text}`: expected NAME=delay:TIME or NAME=silence");
    let (name, change) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
    let change = match change.strip_prefix("delay:") {
        Some(time) => ViaAtSignal::Delay(limit(time)?),
        None if change == "silence" => ViaAtSignal::Silence,
        None => return Err(wrong()),
    };
    Ok((name.to_owned(), change))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_and_hints_have_the_form() {
        let name = || "redis".to_owned();
        error_form::walk! {
            BadService::TwoVias(_) => BadService::TwoVias(name());
            BadService::NoVia(_) => BadService::NoVia(name());
            BadService::NoRelay(_) => BadService::NoRelay(name());
        }
        for error in [BadService::TwoVias(name()), BadService::NoVia(name()), BadService::NoRelay(name())] {
            assert_eq!(error_form::violations(&error.hint()), [""; 0], "{error}");
        }
    }
}
