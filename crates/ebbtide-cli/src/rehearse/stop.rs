//! How the service is stopped: the options that precede, follow and time the signal, and the plan of the stop.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ebbtide_rehearse::{BadSignal, Expected, PreStop, SecondSignal, StopAt, StopPlan, StopSignal};

use super::args::{RehearseArgs, STOP};
use super::plan::program_in;
use super::platform::StopPlatform;
use super::values::{duration, limit};

/// The options of the stop beside its signal, its grace period and its time.
#[derive(Debug, Args)]
pub(super) struct StopArgs {
    /// Wait, or run a command, before the stop signal, as a preStop hook
    ///
    /// The load continues. The time is part of --grace, as on Kubernetes; at least 2 seconds remain after the signal. With another
    /// --platform the grace period begins with the signal. COMMAND
    /// is split into words as by a shell, and executed without one; `EBBTIDE_SERVICE_PID` is the process id of the service. If it
    /// fails, or runs longer than --grace, a note says so and the signal is sent.
    #[arg(long, help_heading = STOP, value_name = "TIME|COMMAND", value_parser = pre_stop, allow_hyphen_values = true)]
    pre_stop: Option<PreStop>,

    /// Minimum time of serving new connections after the stop begins
    ///
    /// A platform removes a stopping instance from its routing while it is being stopped. A connection that is refused in
    /// this time, from the signal or from --pre-stop on, counts as lost. Clients open no connection after it. Without it
    /// they do until the exit, and refusals are excused. Default: that of --platform, or 0.
    #[arg(long, help_heading = STOP, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    min_lame_duck: Option<Duration>,

    /// Second signal, TIME after the first (default: 1s)
    ///
    /// Sent if the process is still there, like a second Ctrl-C or a repeated SIGTERM. An end by this signal is an expected
    /// exit. What is lost after it is reported by the check second-signal alone. Default: that of --platform, or none.
    #[arg(long, help_heading = STOP, value_name = "SIGNAL[@TIME]", value_parser = then_signal, allow_hyphen_values = true)]
    then_signal: Option<SecondSignal>,

    /// State of the service when the stop begins
    ///
    /// startup: within --window after the start, before it is ready. idle: ready, and without load. load: under load. random: one of
    /// these for each run, drawn from --seed.
    #[arg(long, help_heading = STOP, value_name = "STATE", default_value = "load", value_parser = states())]
    pub(super) signal_at: StopAt,
}

/// Returns the plan of the stop: what is given, or else as the platform does.
pub(super) fn stop_plan(args: &RehearseArgs) -> StopPlan {
    let (platform, usual, given) = (args.platform, StopPlan::default(), &args.stop);
    StopPlan {
        signal: args.signal.or(platform.map(StopPlatform::signal)).unwrap_or(usual.signal),
        grace: args.grace.or(platform.map(StopPlatform::grace)).unwrap_or(usual.grace),
        expected: match (args.expect_exit.as_slice(), platform) {
            ([], Some(platform)) => platform.exits().split(',').filter_map(Expected::parse).collect(),
            ([], None) => usual.expected,
            (given, _) => given.to_vec(),
        },
        warmup: args.warmup,
        window: args.window,
        at: given.signal_at,
        pre_stop: given.pre_stop.clone().map(|hook| placed(hook, args)),
        grace_after_pre_stop: platform.is_some_and(StopPlatform::grace_after_pre_stop),
        min_lame_duck: given
            .min_lame_duck
            .or(platform.map(StopPlatform::lame_duck))
            .unwrap_or(usual.min_lame_duck),
        then: given.then_signal.or(platform.and_then(StopPlatform::second_signal)),
        to_all: platform.is_some_and(StopPlatform::signals_all),
        in_container: platform.is_some_and(StopPlatform::is_container),
    }
}

/// Returns `hook` with the path of its program, which counts from where it was given: from the folder of the file, or from the current
/// one. The hook runs in the folder of the service, which may be another one.
fn placed(hook: PreStop, args: &RehearseArgs) -> PreStop {
    let PreStop::Command(mut words) = hook else { return hook };
    let folder = args.origins.folder_of("pre_stop").map(Path::to_owned);
    let runs_elsewhere = || args.origins.folder_of("command").is_some();
    let folder = folder.or_else(|| env::current_dir().ok().filter(|_| runs_elsewhere()));
    if let (Some(folder), Some(program)) = (folder, words.first_mut()) {
        program_in(&folder, program);
    }
    PreStop::Command(words)
}

/// Parses the time or the command of a preStop hook. What begins with a digit or a sign is a time.
fn pre_stop(text: &str) -> Result<PreStop, String> {
    if text.trim_start().starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        return limit(text).map(PreStop::Sleep);
    }
    let words = shlex::split(text).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| format!("invalid hook `{text}`: expected a time or a command line"))?;
    Ok(PreStop::Command(words.into_iter().map(OsString::from).collect()))
}

/// Parses a second signal: `INT`, `TERM@500ms`.
fn then_signal(text: &str) -> Result<SecondSignal, String> {
    let (name, after) = text.split_once('@').map_or((text, None), |(name, after)| (name, Some(after)));
    let wrong = || format!("invalid second signal `{text}`: expected SIGNAL or SIGNAL@TIME, such as INT@2s");
    let signal = StopSignal::parse(name).map_err(|error| match error {
        BadSignal::Kill(_) => {
            format!("invalid second signal `{text}`: SIGKILL is sent at the end of --grace")
        }
        BadSignal::Stop(_) => format!("invalid second signal `{text}`: no process can handle it"),
        _ => wrong(),
    })?;
    let after = after.map(limit).transpose().map_err(|_| wrong())?;
    Ok(SecondSignal { signal, after: after.unwrap_or(SecondSignal::USUAL) })
}

fn states() -> impl TypedValueParser<Value = StopAt> {
    PossibleValuesParser::new(StopAt::ALL.map(StopAt::name))
        .map(|name| StopAt::ALL.into_iter().find(|state| state.name() == name).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_a_time_or_a_command() {
        assert_eq!(pre_stop("5s"), Ok(PreStop::Sleep(Duration::from_secs(5))));
        assert_eq!(pre_stop("500ms"), Ok(PreStop::Sleep(Duration::from_millis(500))));
        let command = pre_stop("curl -d '' 'http://127.0.0.1:1/drain now'");
        assert_eq!(
            command,
            Ok(PreStop::Command(
                ["curl", "-d", "", "http://127.0.0.1:1/drain now"].map(OsString::from).to_vec()
            ))
        );
        for wrong in ["", "sh -c 'open", "5 parsecs", "-3s", "0"] {
            assert!(pre_stop(wrong).unwrap_err().contains(&format!("`{wrong}`")), "{wrong}");
        }
    }

    #[test]
    fn a_second_signal_may_have_a_time() {
        let seen = |text| then_signal(text).map(|then| (then.signal, then.after.as_millis()));
        assert_eq!(seen("INT"), Ok((StopSignal::INT, 1000)));
        assert_eq!(seen("SIGTERM@250ms"), Ok((StopSignal::TERM, 250)));
        assert_eq!(seen("RTMIN+3@2s").map(|(signal, after)| (signal.number(), after)), Ok((37, 2000)));
        for wrong in ["", "FOO", "STOP", "INT@", "INT@0", "INT@-1s", "KILL", "@1s"] {
            assert!(
                seen(wrong).unwrap_err().starts_with(&format!("invalid second signal `{wrong}`: ")),
                "{wrong}"
            );
        }
    }
}
