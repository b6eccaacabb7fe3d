//! Options that are valid alone, and contradict each other or leave one of them without effect.

use std::path::PathBuf;
use std::time::Duration;

use ebbtide_rehearse::words::limit;
use ebbtide_rehearse::{LoadPlan, Ready, Shape, ShapePlan, StopAt, StopPlan, Target};
use thiserror::Error;

use super::args::RehearseArgs;
use super::shapes::HELD;

/// Two options that contradict each other, or an option without effect.
#[derive(Debug, Error)]
#[error("{message}")]
pub(crate) struct Contradiction {
    /// The options, by the names that they have in clap.
    pub(super) options: Vec<&'static str>,
    message: String,
    pub(super) hint: String,
}

fn contradiction(
    options: &[&'static str],
    message: impl Into<String>,
    hint: impl Into<String>,
) -> Result<(), Contradiction> {
    Err(Contradiction { options: options.to_vec(), message: message.into(), hint: hint.into() })
}

/// Checks that the given options of `args` mean something together.
///
/// # Errors
///
/// Two of them contradict each other, or one has no effect.
pub(super) fn check(args: &RehearseArgs, load: &LoadPlan, stop: &StopPlan) -> Result<(), Contradiction> {
    times(args, load, stop)?;
    without_load(args)?;
    without_requests(args, load)?;
    without_clients(args, load)?;
    without_tls(args, load)?;
    if args.require_readiness && matches!(args.ready, Some(Ready::Port(_))) {
        return contradiction(
            &["require_readiness", "ready"],
            "--require-readiness without a readiness URL: an open port cannot turn red",
            "--ready http://HOST:PORT/PATH names the URL of the readiness check",
        );
    }
    Ok(())
}

/// Times of which one has to end before the other.
fn times(args: &RehearseArgs, load: &LoadPlan, stop: &StopPlan) -> Result<(), Contradiction> {
    let grace = limit(stop.grace);
    if args.origins.has("min_lame_duck") && stop.min_lame_duck > stop.grace {
        return contradiction(
            &["min_lame_duck", "grace"],
            format!(
                "--min-lame-duck {} is longer than the grace period of {grace}, at whose end the process gets SIGKILL",
                limit(stop.min_lame_duck)
            ),
            "give a longer --grace, or a shorter --min-lame-duck",
        );
    }
    if let Some(then) = stop.then.filter(|then| args.origins.has("then_signal") && then.after >= stop.grace) {
        return contradiction(
            &["then_signal", "grace"],
            format!(
                "--then-signal {} after the signal is never sent: SIGKILL is sent after the grace period of {grace}",
                limit(then.after)
            ),
            "give a longer --grace, or an earlier time: --then-signal SIGNAL@TIME",
        );
    }
    let slow = load.shapes.iter().find(|plan| lasts(plan).is_some_and(|time| time >= args.request_timeout));
    let is_given = ["slow_time", "request_timeout"].iter().any(|id| args.origins.has(id));
    match slow.filter(|_| is_given) {
        Some(plan) => contradiction(
            &["request_timeout", "slow_time"],
            format!(
                "a request of {} may take {} (--slow-time), and is given up after {} (--request-timeout)",
                plan.shape(),
                limit(args.slow_time.most),
                limit(args.request_timeout)
            ),
            "give a --request-timeout above --slow-time",
        ),
        None => Ok(()),
    }
}

/// The longest duration of a request of `plan`, if it has one.
fn lasts(plan: &ShapePlan) -> Option<Duration> {
    match plan {
        ShapePlan::Slow { time, .. }
        | ShapePlan::Download { time, .. }
        | ShapePlan::Upload { time, .. }
        | ShapePlan::ClientStream { time, .. }
        | ShapePlan::BidiStream { time, .. } => Some(time.most),
        _ => None,
    }
}

/// The options of the load, which is not there in each state of the service.
const OF_LOAD: [(&str, &str); 15] = [
    ("storm", "--storm"),
    ("keepalive", "--keepalive"),
    ("slow", "--slow"),
    ("open", "--open"),
    ("orders", "--orders"),
    ("url", "--url"),
    ("held", "--held"),
    ("think", "--think"),
    ("slow_time", "--slow-time"),
    ("max_requests", "--max-requests"),
    ("body", "--body"),
    ("body_file", "--body-file"),
    ("allow_status", "--allow-status"),
    ("expect_status", "--expect-status"),
    ("min_lame_duck", "--min-lame-duck"),
];

/// Options of a load that is never sent.
fn without_load(args: &RehearseArgs) -> Result<(), Contradiction> {
    let at = args.stop.signal_at;
    if !matches!(at, StopAt::Idle | StopAt::Startup) {
        return Ok(());
    }
    let zero = |id: &str| match id {
        "storm" => args.storm == Some(0),
        "keepalive" => args.keepalive == Some(0),
        "slow" => args.slow == Some(0),
        "open" => args.open == Some(0),
        "orders" => args.orders == Some(0),
        _ => false,
    };
    if let Some((id, option)) =
        OF_LOAD.into_iter().find(|(id, _)| args.origins.together(id, "signal_at") && !zero(id))
    {
        return contradiction(
            &[id, "signal_at"],
            format!("{option} has no effect: --signal-at {at} stops a service without load"),
            format!("remove {option}, or give --signal-at load"),
        );
    }
    if at == StopAt::Startup && args.origins.together("liveness", "signal_at") {
        return contradiction(
            &["liveness", "signal_at"],
            "--liveness has no effect: --signal-at startup stops the service before it is ready",
            "remove --liveness, or give --signal-at idle or load",
        );
    }
    if at == StopAt::Startup && args.origins.together("warmup", "signal_at") {
        return contradiction(
            &["warmup", "signal_at"],
            "--warmup has no effect: --signal-at startup stops the service before it is ready",
            "--window is the time after the start of the process within which the signal is sent",
        );
    }
    Ok(())
}

/// Options of requests of HTTP that none of the load's requests is.
fn without_requests(args: &RehearseArgs, load: &LoadPlan) -> Result<(), Contradiction> {
    let only = |shapes: &[Shape]| load.shapes.iter().all(|plan| shapes.contains(&plan.shape()));
    let http1 = [Shape::Tcp, Shape::Websocket, Shape::Download, Shape::Upload];
    if args.http2.is_some() && args.origins.has("http2") && only(&http1) {
        let why = if only(&[Shape::Tcp]) { "lines" } else { "HTTP/1" };
        return contradiction(
            &["http2", "url"],
            format!("--http2 has no effect: the load has nothing but {why}"),
            "remove --http2, or name a route for storm, keepalive, slow, open or events: --url storm=/PATH",
        );
    }
    let speaks_http = !only(&[Shape::Tcp]) || !matches!(args.ready, Some(Ready::Port(_)));
    let of_http = [
        ("method", "--method"),
        ("header", "--header"),
        ("host", "--host"),
        ("allow_status", "--allow-status"),
        ("expect_status", "--expect-status"),
    ];
    let given = of_http.into_iter().find(|(id, _)| args.origins.together(id, "url"));
    match given.filter(|_| !speaks_http) {
        Some((id, option)) => contradiction(
            &[id, "url"],
            format!("{option} has no effect: lines have no methods, headers or statuses"),
            format!("remove {option}"),
        ),
        None => Ok(()),
    }
}

/// Options of clients that the load does not have. A shape that is disabled by its number leaves its other options as they are.
fn without_clients(args: &RehearseArgs, load: &LoadPlan) -> Result<(), Contradiction> {
    let has = |wanted: &dyn Fn(&ShapePlan) -> bool| load.shapes.iter().any(wanted);
    let is_named = |shape: Shape| args.url.iter().any(|url| url.shape == shape);
    if args.origins.has("held") && !HELD.into_iter().any(is_named) {
        return contradiction(
            &["held"],
            "--held has no effect: no --url names a shape whose connections are held",
            "--url websocket=/PATH or the like names one; --storm, --keepalive and --slow are numbers of clients as well",
        );
    }
    if args.origins.has("slow_time")
        && args.slow != Some(0)
        && args.held > 0
        && !has(&|plan| lasts(plan).is_some())
    {
        return contradiction(
            &["slow_time"],
            "--slow-time has no effect: the load has no slow requests",
            "--url slow='/PATH?ms={ms}' names a slow route",
        );
    }
    let thinks = |plan: &ShapePlan| {
        matches!(
            plan.shape(),
            Shape::Keepalive | Shape::Websocket | Shape::ClientStream | Shape::BidiStream | Shape::Tcp
        )
    };
    if args.origins.has("think") && args.keepalive != Some(0) && args.held > 0 && !has(&thinks) {
        return contradiction(
            &["think"],
            "--think has no effect: no client pauses between requests",
            "--keepalive CLIENTS is the number of clients that do",
        );
    }
    Ok(())
}

/// Options of TLS for a load without it.
fn without_tls(args: &RehearseArgs, load: &LoadPlan) -> Result<(), Contradiction> {
    let option = match (&args.cacert, args.insecure) {
        (Some(_), _) => ("cacert", "--cacert"),
        (None, true) => ("insecure", "--insecure"),
        (None, false) => return Ok(()),
    };
    let ready: Option<&Target> = match &args.ready {
        Some(Ready::Http(target, _) | Ready::Port(target)) => Some(target),
        // It is still to be found.
        Some(Ready::Managed) | None => return Ok(()),
    };
    let routes = load.shapes.iter().filter_map(|plan| plan.route().target.as_ref());
    if routes.chain(ready).any(|target| target.tls) {
        return Ok(());
    }
    let (id, option) = option;
    contradiction(
        &[id, "ready"],
        format!("{option} has no effect: nothing is requested over TLS"),
        "an https:// URL in --ready or --url is requested over TLS",
    )
}

/// Returns the error if the record would be written to the file of a verdict: one of them would replace the other.
pub(super) fn one_file(record: Option<&PathBuf>, other: &str) -> Contradiction {
    let file = record.map(|file| file.display().to_string()).unwrap_or_default();
    Contradiction {
        options: vec!["record", "format"],
        message: format!("--record and --format {other} both write {file}"),
        hint: "write each to a file of its own".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;
    use crate::error_form;
    use crate::rehearse::origins::Origins;
    use crate::rehearse::plan::{BadPlan, scenario};

    const READY: &str = "--ready=http://127.0.0.1:1/readyz";
    const PORT: &str = "--ready=1";

    /// Returns the error of these options, and the names that it blames.
    fn refused(words: &[&str]) -> Option<Contradiction> {
        let options = RehearseArgs::augment_args(clap::Command::new("rehearse"));
        let words = ["rehearse"].iter().chain(words).chain(&["--", "./service"]);
        let matches = options.get_matches_from(words);
        let mut args = RehearseArgs::from_arg_matches(&matches).unwrap();
        args.origins = Origins::given(&matches);
        match scenario(&args) {
            Ok(_) => None,
            Err(BadPlan::Options(why)) => Some(why),
            Err(other) => panic!("{words:?}: {other}", words = matches.ids().collect::<Vec<_>>()),
        }
    }

    #[test]
    fn error_texts_have_the_form() {
        let file = PathBuf::from("x");
        error_form::walk! {
            Contradiction { .. } => one_file(Some(&file), "json");
        }
    }

    #[test]
    fn what_cannot_mean_anything_is_refused() {
        for (words, options) in [
            (&[READY, "--min-lame-duck=40s"][..], &["min_lame_duck", "grace"][..]),
            (&[READY, "--min-lame-duck=3s", "--grace=2s"], &["min_lame_duck", "grace"]),
            (&[READY, "--then-signal=INT@30s"], &["then_signal", "grace"]),
            (&[READY, "--url=slow=/{ms}", "--request-timeout=4s"], &["request_timeout", "slow_time"]),
            (&[READY, "--url=slow=/{ms}", "--slow-time=1m"], &["request_timeout", "slow_time"]),
            (&[READY, "--signal-at=idle", "--storm=4"], &["storm", "signal_at"]),
            (&[READY, "--signal-at=startup", "--url=storm=/"], &["url", "signal_at"]),
            (&[READY, "--signal-at=idle", "--min-lame-duck=5s"], &["min_lame_duck", "signal_at"]),
            (&["--signal-at=startup", "--warmup=5s", PORT], &["warmup", "signal_at"]),
            (&["--signal-at=startup", "--liveness=/livez", PORT], &["liveness", "signal_at"]),
            (&[PORT, "--http2", "--url=tcp=/"], &["http2", "url"]),
            (&[PORT, "--header=A: b", "--url=tcp=/"], &["header", "url"]),
            (&[PORT, "--allow-status=503", "--url=tcp=/"], &["allow_status", "url"]),
            (&[READY, "--held=4"], &["held"]),
            (&[READY, "--slow-time=1s"], &["slow_time"]),
            (&[PORT, "--url=storm=/", "--keepalive=0", "--open=0", "--think=1s"], &[]),
            (&[READY, "--insecure"], &["insecure", "ready"]),
            (&[PORT, "--require-readiness"], &["require_readiness", "ready"]),
        ] {
            let refused = refused(words);
            if options.is_empty() {
                assert!(refused.is_none(), "{words:?}: {refused:?}");
                continue;
            }
            let refused = refused.unwrap_or_else(|| panic!("accepted: {words:?}"));
            assert_eq!(refused.options, options, "{words:?}: {refused}");
            assert_eq!(error_form::violations(&refused.hint), [""; 0], "{refused}");
            error_form::check(&refused);
        }
    }

    #[test]
    fn what_means_something_is_accepted() {
        for words in [
            &[READY][..],
            &[READY, "--min-lame-duck=30s"],
            &[READY, "--grace=2s", "--platform=kubernetes"],
            &[READY, "--then-signal=INT@29s"],
            &[READY, "--url=slow=/{ms}", "--request-timeout=6s"],
            // No slow requests.
            &[READY, "--request-timeout=1s"],
            &[READY, "--signal-at=idle", "--storm=0"],
            &[READY, "--signal-at=random", "--storm=4"],
            &[READY, "--http2", "--url=tcp=/"],
            &[PORT, "--http2", "--url=tcp=/", "--url=storm=/"],
            &["--ready=https://127.0.0.1:1/", "--insecure"],
            &[READY, "--insecure", "--url=storm=https://127.0.0.1:2/"],
            // The place of the service is still to be found.
            &["--insecure"],
            &["--require-readiness"],
            &[READY, "--slow=0", "--slow-time=1s"],
            &[PORT, "--url=tcp=/", "--held=4", "--think=1s"],
        ] {
            assert!(refused(words).is_none(), "{words:?}: {:?}", refused(words));
        }
    }
}
