//! The options of `ebbtide rehearse`, and its help.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ebbtide_rehearse::{Expected, Ready, Route, Shape, Span, StopSignal};

use super::values::{destination, duration, expected, ready, signal, span, url};
use crate::output::Destination;

/// Start a service, load it, stop it, and say what was lost.
///
/// The command after `--` is started; once it is ready, clients load it in several shapes at once; then it gets the
/// stop signal while the load goes on, and is watched until it is gone. Every request's end is classified exactly, by
/// clients that never retry. The verdict comes with one line of evidence for each check.
#[derive(Debug, Args)]
#[command(args_override_self = true, after_long_help = extra())]
pub(crate) struct RehearseArgs {
    /// The service to start; with --demo, options of the demo
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "demo")]
    pub(super) command: Vec<OsString>,

    /// Rehearse the demo service; what follows `--` are its options, such as --fault NAME and --queue BROKER
    #[arg(long, help_heading = SERVICE, conflicts_with = "ready")]
    pub(super) demo: bool,

    /// Ready when this URL answers 200 to 399, or this port accepts a connection
    #[arg(long, help_heading = SERVICE, value_name = "URL|PORT", value_parser = ready, required_unless_present = "demo")]
    pub(super) ready: Option<Ready>,

    /// How long the service may take to get ready
    #[arg(long, help_heading = SERVICE, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(super) ready_timeout: Duration,

    /// Fail when readiness does not turn red before the listener closes (always on for the demo)
    #[arg(long, help_heading = SERVICE)]
    pub(super) require_readiness: bool,

    /// Watch the service's sessions in this PostgreSQL database, which should be its own
    ///
    /// Requires a build with the feature `postgres`.
    #[arg(long, help_heading = SERVICE, value_name = "URL")]
    pub(super) database_url: Option<String>,

    /// What a shape of load asks for; may be given once for each shape
    ///
    /// SHAPE is storm, keepalive, slow, open or orders; METHOD may be left out (GET); PATH may be a whole http:// URL
    /// when the load does not go to the address of --ready. `{ms}` in a path stands for a slow request's time in
    /// milliseconds. Without it, storm, keepalive and open go to the first usual path that the service answers (`/`, `/ping`,
    /// `/health`, …) other than that of --ready, whose answer changes at the stop.
    #[arg(long, help_heading = LOAD, value_name = "SHAPE=METHOD:PATH", value_parser = url)]
    pub(super) url: Vec<(Shape, Route)>,

    /// Clients that open a new connection for every request; 0: off
    ///
    /// A number that is given is used as it is, as fast as the clients can. Otherwise the number and the rate of the load are
    /// fitted to the service: half of what it carries, with 64 clients at most.
    #[arg(long, help_heading = LOAD, value_name = "CLIENTS")]
    pub(super) storm: Option<u32>,

    /// Clients that keep their connection and think between requests; 0: off [default: fitted, 200 at most]
    #[arg(long, help_heading = LOAD, value_name = "CLIENTS")]
    pub(super) keepalive: Option<u32>,

    /// How long keep-alive clients think; longer where their number is fitted
    #[arg(long, help_heading = LOAD, value_name = "TIMES", default_value = "0-20ms", value_parser = span)]
    pub(super) think: Span,

    /// Clients with a slow request in flight; 0: off [default: 8 where a route is known, by --url slow=… or --demo]
    #[arg(long, help_heading = LOAD, value_name = "CLIENTS")]
    pub(super) slow: Option<u32>,

    /// How long slow requests take: said in `{ms}`, or by a body that trickles where the method is POST
    #[arg(long, help_heading = LOAD, value_name = "TIMES", default_value = "3s-5s", value_parser = span)]
    pub(super) slow_time: Span,

    /// Scheduled requests a second, whether or not earlier ones were answered; 0: off [default: fitted, 100 at most]
    #[arg(long, help_heading = LOAD, value_name = "RATE")]
    pub(super) open: Option<u32>,

    /// Clients that post orders to the demo; 0: off [default: 4 with --demo]
    #[arg(long, help_heading = LOAD, value_name = "CLIENTS")]
    pub(super) orders: Option<u32>,

    /// Do not hold a connection in each phase of the protocol at the signal
    #[arg(long, help_heading = LOAD)]
    pub(super) no_phases: bool,

    /// How long a request may take until its answer is whole
    #[arg(long, help_heading = LOAD, value_name = "TIME", default_value = "20s", value_parser = duration)]
    pub(super) request_timeout: Duration,

    /// How long a handshake may take
    #[arg(long, help_heading = LOAD, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(super) connect_timeout: Duration,

    /// Maximum requests per run (avoids ephemeral port exhaustion)
    #[arg(long, help_heading = LOAD, value_name = "COUNT", default_value_t = 400_000)]
    pub(super) max_requests: u64,

    /// The stop signal
    #[arg(long, help_heading = STOP, value_name = "SIGNAL", default_value = "TERM", value_parser = signal)]
    pub(super) signal: StopSignal,

    /// The platform's grace period: SIGKILL comes this long after the stop signal
    #[arg(long, help_heading = STOP, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(super) grace: Duration,

    /// How the process may end: exit codes, or signal:NAME, separated by commas
    #[arg(long, help_heading = STOP, value_name = "CODE|signal:NAME", default_value = "0", value_delimiter = ',', value_parser = expected)]
    pub(super) expect_exit: Vec<Expected>,

    /// Statuses that are no loss after the signal, such as 503 for a service that declines requests
    #[arg(long, help_heading = STOP, value_name = "STATUS", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(100..=599))]
    pub(super) allow_status: Vec<u16>,

    /// Fail when the verdict is inconclusive
    #[arg(long, help_heading = OUTPUT)]
    pub(super) strict: bool,

    /// The load runs at least this long before the signal
    #[arg(long, help_heading = STOP, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub(super) warmup: Duration,

    /// The signal comes at a random moment within this time after the warm-up
    #[arg(long, help_heading = STOP, value_name = "TIME", default_value = "500ms", value_parser = duration)]
    pub(super) window: Duration,

    /// How many times to start, load and stop the service
    #[arg(long, help_heading = STOP, value_name = "RUNS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) repeat: u32,

    /// Draw the signal's moments from this seed [default: a random one, which is printed]
    #[arg(long, help_heading = STOP, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,

    /// text or json on stdout, text=FILE or json=FILE into a file; may be given more than once [default: text]
    #[arg(long, help_heading = OUTPUT, value_name = "FORMAT[=FILE]", value_parser = destination)]
    pub(super) format: Vec<Destination>,

    /// Write every event of every run into this file, one JSON object on a line
    #[arg(long, help_heading = OUTPUT, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,

    /// Say nothing on stderr while it runs
    #[arg(long, short, help_heading = OUTPUT)]
    pub(super) quiet: bool,
}

const SERVICE: &str = "Service";
const LOAD: &str = "Load";
const STOP: &str = "Stop";
const OUTPUT: &str = "Output";

const EXTRA: &str = "\
Examples:
  A first try needs one option; the load goes to a path that the service answers:
      ebbtide rehearse --ready http://127.0.0.1:8080/readyz -- python3 server.py

  With routes for each shape, 25 stops at random moments, and a JSON file for CI:
      ebbtide rehearse --ready http://127.0.0.1:8080/readyz --require-readiness \\
          --url storm=/ping --url keepalive=/ping --url slow='/slow?ms={ms}' \\
          --repeat 25 --seed 7 --format text --format json=rehearsal.json \\
          --record events.ndjson \\
          -- ./my-service --port 8080

  The demo, and the demo with a fault:
      ebbtide rehearse --demo --repeat 25
      ebbtide rehearse --demo --grace 6s -- --fault stuck-worker

  The demo with its queue in Redis, which REDIS_URL names if it is elsewhere (in a
  build with the feature `redis`, or `brokers` for all that --queue offers):
      ebbtide rehearse --demo -- --queue redis

Checks:
  signal-handled          the process ended by itself, not by the default action
  requests-answered       every accepted request was answered whole, and as before
                          the signal: by status, redirect and length
  phases-served           one connection in each phase of the protocol was served
  readiness-before-close  readiness turned red before new connections were refused
  refusals-clean          at each address: after the first refusal only refusals,
                          and no new connection closed without a response
  exit-in-time            gone within --grace; if not, what was still in use
  exit-code               ended as --expect-exit says
  no-kill                 ended on its own, not by SIGKILL
  no-orphans              no process left 100 ms after the exit
  no-leaked-connections   PostgreSQL: no session in use at the exit
  database-clean          PostgreSQL: sessions_abandoned did not grow
  orders-processed        demo: every acknowledged order is there, processed or queued
  jobs-returned           demo: every order not processed has its job in the queue, and
                          the consumer that is gone keeps none
  last-log-line           demo: the last log line reached the file

  Each is pass, fail, inconclusive (too little to tell by) or skipped (does not
  apply). The verdict is `fail` when a check failed. It is `inconclusive` when none
  failed and one of requests-answered, database-clean, orders-processed,
  jobs-returned or last-log-line is; its evidence names the option that would make
  it conclusive. A `pass` states how many requests of each shape were in flight at
  the signal.

The baseline:
  What happens before the signal as often as after it is not caused by the shutdown:
  it is a note, and no finding. A service that fails more than a tenth of a route's
  requests before the signal is not judged (exit code 3). Without --storm,
  --keepalive and --open the load is half of what the service was measured to carry.

What counts as lost:
  The TCP handshake was done and the request written, then came a reset or the
  end of the stream with no response byte. That includes a kept connection that
  closed at that moment (`ambiguous` in the JSON: a proxy's retry may hide it).
  A response is truncated when it ends before its length or last chunk, or, where it
  ends with the connection, when it is shorter than every one before the signal.
  An answer is wrong when its status, redirect or fixed length exists only after
  the signal; --allow-status accepts a status, and one that readiness announces on
  its own path is accepted anyway.
  A kept connection that was closed while idle, before anything was written, is
  no loss; a refused connection isn't either: nothing was accepted.";

/// What follows the options.
fn extra() -> String {
    format!("{EXTRA}\n\n{}", crate::exit::TABLE)
}
