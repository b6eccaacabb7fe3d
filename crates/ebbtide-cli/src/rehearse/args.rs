//! The options of `ebbtide rehearse`, and its help.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ebbtide_rehearse::{Expected, HostName, Ready, RequestHeader, Span, StopSignal};
use http::Method;

use super::calls::CallArgs;
use super::origins::Origins;
use super::platform::StopPlatform;
use super::service::ServiceArgs;
use super::stop::StopArgs;
use super::values::{
    ShapeUrl, clients, duration, expect_status, expected, limit, method, number, ready, requests, runs,
    signal, span, status, streams, url,
};
use crate::output::{Destination, VerdictFormat};

/// Start a service, load it, stop it, and report what was lost.
///
/// The command after `--` is started. When it is ready, clients load it in several shapes at once. Then it gets the stop
/// signal while the load continues, and is watched until it exits. The clients never retry, so that the end of every
/// request is classified exactly. The verdict has the evidence of each check, and a hint where something can
/// be done about it.
#[derive(Debug, Args)]
#[command(args_override_self = true, after_long_help = super::help::extra())]
pub(crate) struct RehearseArgs {
    /// Command of the service; with --demo, options of the demo
    ///
    /// Default: `command` in the section `[rehearse]` of ebbtide.toml.
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,

    /// Rehearse the demo service; arguments after `--` are its options
    ///
    /// For example --fault NAME and --queue BROKER.
    #[arg(long, help_heading = SERVICE, conflicts_with = "ready")]
    pub(super) demo: bool,

    /// Readiness check: a URL that answers 200 to 399, or an open port
    ///
    /// An https:// URL is requested over TLS, and the load as well. `http://unix:SOCKET:/PATH`, as in nginx, is a path at a Unix socket, to
    /// which the load goes as well; `unix:SOCKET` is ready when it accepts. A gRPC status is not ready, although its HTTP status is 200.
    /// Default: the service is started once to find its listener, which is asked for the usual paths (`/readyz`, `/healthz`, …).
    #[arg(long, help_heading = SERVICE, value_name = "URL|PORT", value_parser = ready, allow_hyphen_values = true)]
    pub(super) ready: Option<Ready>,

    /// Start the service once, and write what was found to ebbtide.toml
    ///
    /// The file has the readiness URL, the routes, the stop signal and the expected exit, with comments. `ebbtide rehearse` in the same folder
    /// or below it uses them. A file that exists is not changed. Of a gRPC service, the methods are those that it describes (server
    /// reflection); some are called once with an empty message, but none whose name begins with Delete, Stop or the like.
    #[arg(long, help_heading = SERVICE, conflicts_with_all = ["demo", "compare", "record", "format"])]
    pub(super) init: bool,

    #[command(flatten)]
    pub(super) service: ServiceArgs,

    /// Maximum time until the service is ready
    ///
    /// A certificate that is not accepted for one second ends the wait: it does not become another one by waiting.
    #[arg(long, help_heading = SERVICE, value_name = "TIME", default_value = "30s", value_parser = limit, allow_hyphen_values = true)]
    pub(super) ready_timeout: Duration,

    /// Fail when readiness does not turn red before the listener closes
    ///
    /// Always on with --demo.
    #[arg(long, help_heading = SERVICE)]
    pub(super) require_readiness: bool,

    /// Watch the service's sessions in this PostgreSQL database
    ///
    /// No other service should use the database. Requires a build with the feature `postgres`.
    #[arg(long, help_heading = SERVICE, value_name = "URL")]
    pub(super) database_url: Option<String>,

    /// Request that a shape of load sends; at most one per shape
    ///
    /// SHAPE is storm, keepalive, slow, open, orders, websocket, events, download, upload, client-stream, bidi-stream or tcp. METHOD is optional (default:
    /// --method; GET for websocket, events and download). PATH may be a full http://
    /// or https:// URL when the load goes to another address than --ready. GRPC:/PACKAGE.SERVICE/METHOD is a call of gRPC, over HTTP/2 also
    /// without --http2: a unary one in storm, keepalive, slow and open, and one whose response is a stream in events. `{ms}` in a path is replaced by the duration of a slow
    /// request in milliseconds. Without this option, storm, keepalive and open use the first common path that the
    /// service answers (`/`, `/ping`, `/version`, …), and open sends POST requests to it if the service answers these
    /// with 200 to 299. The path of --ready is skipped unless it is `/`: its answer changes at the shutdown. If only `/status` or
    /// `/metrics` is answered, the load goes there, and the bodies are not compared.
    #[arg(long, help_heading = REQUESTS, value_name = "SHAPE=METHOD:PATH", value_parser = url)]
    pub(super) url: Vec<ShapeUrl>,

    /// Method of the requests that have none in --url
    ///
    /// Default: GET, or POST with --body or --body-file. `--method GET` sends no POST requests except those of --url.
    #[arg(long, help_heading = REQUESTS, value_name = "METHOD", value_parser = method, conflicts_with = "demo")]
    pub(super) method: Option<Method>,

    /// Header of every request, those to --ready included; repeatable
    ///
    /// For example 'Authorization: Bearer TOKEN'. Headers of the connection and of the body's length are refused: the
    /// rehearsal sets them. Each request also has a number in the header `x-ebbtide-request`, unique in its run, and a UUID that ends with it in
    /// `x-request-id`, which this option may replace.
    #[arg(long, help_heading = REQUESTS, value_name = "NAME: VALUE", value_parser = RequestHeader::parse)]
    pub(super) header: Vec<RequestHeader>,

    /// Host header of every request
    ///
    /// For a service that selects by host name. Over TLS also the name that its certificate must have. Default: the address of --ready, or of the URL in --url.
    #[arg(long, help_heading = REQUESTS, value_name = "NAME[:PORT]", value_parser = HostName::parse)]
    pub(super) host: Option<HostName>,

    /// Accept any certificate from an https:// address
    #[arg(long, help_heading = REQUESTS, conflicts_with_all = ["demo", "cacert"])]
    pub(super) insecure: bool,

    /// PEM file of certificates to trust for https://, instead of the system's
    ///
    /// Those of authorities, or the service's own. The certificate must have the name in the URL, or that of --host.
    #[arg(long, help_heading = REQUESTS, value_name = "FILE", conflicts_with = "demo")]
    pub(super) cacert: Option<PathBuf>,

    /// Body of every request whose method is neither GET nor HEAD
    ///
    /// A JSON object or array has the Content-Type application/json, any other body the one that --header sets. Default:
    /// a small JSON object for POST, PUT and PATCH. Requests of --url orders=… keep their own body.
    #[arg(long, help_heading = REQUESTS, value_name = "TEXT", conflicts_with_all = ["demo", "body_file"])]
    pub(super) body: Option<String>,

    /// File with the body, instead of --body; at most 64 MiB
    #[arg(long, help_heading = REQUESTS, value_name = "FILE", conflicts_with = "demo")]
    pub(super) body_file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) calls: CallArgs,

    /// Send the load over HTTP/2
    ///
    /// With prior knowledge to http:// addresses, and selected by ALPN at https:// addresses.
    /// STREAMS clients share a connection (default: 8), except those of storm, which open one for each request. A request
    /// that a GOAWAY or REFUSED_STREAM declares unprocessed is safe to retry, and counted apart. The readiness check is
    /// HTTP/1 where the service answers it, otherwise HTTP/2.
    #[arg(long, help_heading = REQUESTS, value_name = "STREAMS", value_parser = streams, num_args = 0..=1, require_equals = true, default_missing_value = "8", conflicts_with = "demo")]
    pub(super) http2: Option<u32>,

    /// Statuses of 400 to 599 that a route may always answer
    ///
    /// For example 401 for a route that requires a login. A route whose responses all have another such status proves
    /// nothing, and `routes-served` is inconclusive.
    #[arg(long, help_heading = REQUESTS, value_name = "STATUS", value_delimiter = ',', value_parser = expect_status, allow_hyphen_values = true)]
    pub(super) expect_status: Vec<u16>,

    /// Clients that open a new connection for every request; 0 disables
    ///
    /// A given number is used as it is, and the clients send as fast as they can. Otherwise the number and the rate of
    /// the load are fitted to the service: half of its measured capacity, with at most 64 clients.
    #[arg(long, help_heading = LOAD, value_name = "CLIENTS", value_parser = clients, allow_hyphen_values = true)]
    pub(super) storm: Option<u32>,

    /// Clients that keep their connection between requests; 0 disables
    ///
    /// Default: fitted to the service, at most 200.
    #[arg(long, help_heading = LOAD, value_name = "CLIENTS", value_parser = clients, allow_hyphen_values = true)]
    pub(super) keepalive: Option<u32>,

    /// Pause between the requests of a keep-alive client
    ///
    /// Also between the messages on a WebSocket and between lines. Longer when the number of clients is fitted.
    #[arg(long, help_heading = LOAD, value_name = "TIMES", default_value = "0-20ms", value_parser = span, allow_hyphen_values = true)]
    pub(super) think: Span,

    /// Clients with a slow request in flight; 0 disables
    ///
    /// Default: 8 with --demo or --url slow=…, otherwise 0.
    #[arg(long, help_heading = LOAD, value_name = "CLIENTS", value_parser = clients, allow_hyphen_values = true)]
    pub(super) slow: Option<u32>,

    /// Duration of a slow request
    ///
    /// Also the time within which a download is read. Passed in the path as `{ms}`. Without `{ms}`, a request with a body (POST, PUT, PATCH) sends it slowly.
    #[arg(long, help_heading = LOAD, value_name = "TIMES", default_value = "3s-5s", value_parser = span, allow_hyphen_values = true)]
    pub(super) slow_time: Span,

    /// Requests per second, sent on a schedule; 0 disables
    ///
    /// They are sent whether or not earlier ones were answered. Default: fitted to the service, at most 100.
    #[arg(long, help_heading = LOAD, value_name = "RATE", value_parser = clients, allow_hyphen_values = true)]
    pub(super) open: Option<u32>,

    /// Clients that post orders to the demo; 0 disables
    ///
    /// Default: 4 with --demo or --url orders=…, otherwise 0.
    #[arg(long, help_heading = LOAD, value_name = "CLIENTS", value_parser = clients, allow_hyphen_values = true)]
    pub(super) orders: Option<u32>,

    /// Clients of each shape from websocket to tcp in --url
    ///
    /// Only those that --url names. `websocket=/PATH`, or with a ws:// or wss:// URL, opens WebSockets on which messages are sent all the
    /// time. Each message must come back within another one, and the connection must end with a close frame.
    /// `events=/PATH` reads server-sent events: the stream must end with a whole event and a complete response.
    /// `download=/PATH` reads a long response slowly, within --slow-time, and it must be complete.
    /// `upload=/PATH` sends a body with `Expect: 100-continue`: slowly, within --slow-time, when the service asks for it, or
    /// after one second. Except events, they are HTTP/1 also with --http2. `client-stream=/SERVICE/METHOD` and `bidi-stream=…` are
    /// calls of gRPC over HTTP/2, also without --http2: they send messages (--grpc-message) for --slow-time, with pauses of --think, and then
    /// end. With bidi-stream each must be answered by one. `tcp=/LINE`, or with a tcp:// or tls:// URL, sends
    /// lines, and reads a line after each; `{id}` in LINE is a number that the answer must contain (default: `ebbtide {id}`), and `\r`
    /// at its end a carriage return. If --ready is a port, and each URL is one of lines or a call of gRPC, nothing else is sent.
    #[arg(long, help_heading = LOAD, value_name = "CLIENTS", default_value_t = 8, value_parser = clients, allow_hyphen_values = true)]
    pub(super) held: u32,

    /// Hold no connections in the phases of the protocol at the signal
    #[arg(long, help_heading = LOAD)]
    pub(super) no_phases: bool,

    /// Maximum time until a response is complete
    #[arg(long, help_heading = LOAD, value_name = "TIME", default_value = "20s", value_parser = limit, allow_hyphen_values = true)]
    pub(super) request_timeout: Duration,

    /// Maximum time of a TCP handshake
    ///
    /// At a Unix socket, the time until its accept queue has room.
    #[arg(long, help_heading = LOAD, value_name = "TIME", default_value = "5s", value_parser = limit, allow_hyphen_values = true)]
    pub(super) connect_timeout: Duration,

    /// Maximum requests per run (avoids ephemeral port exhaustion)
    #[arg(long, help_heading = LOAD, value_name = "COUNT", default_value_t = 400_000, value_parser = requests, allow_hyphen_values = true)]
    pub(super) max_requests: u64,

    /// Stop as this platform does by default
    ///
    /// Sets --signal, --grace, --min-lame-duck, --then-signal and --expect-exit, which replace its values, and which processes get the
    /// signals. It runs no container: --pid1 adds what the kernel does at the end of the first process. The book has the table.
    #[arg(long, help_heading = STOP, value_name = "PLATFORM", value_enum)]
    pub(super) platform: Option<StopPlatform>,

    /// Signal that asks the service to stop
    ///
    /// By name, with or without SIG, or by number: any that a process can handle, such as WINCH for Apache, or RTMIN+3 for systemd in a
    /// container. Default: that of --platform, or TERM.
    #[arg(long, help_heading = STOP, value_name = "SIGNAL", value_parser = signal, allow_hyphen_values = true)]
    pub(super) signal: Option<StopSignal>,

    /// Grace period: SIGKILL is sent this long after the stop signal
    ///
    /// With --pre-stop it begins before the signal, except on a --platform other than kubernetes. Default: that of --platform, or 30s.
    #[arg(long, help_heading = STOP, value_name = "TIME", value_parser = limit, allow_hyphen_values = true)]
    pub(super) grace: Option<Duration>,

    #[command(flatten)]
    pub(super) stop: StopArgs,

    /// Expected exit codes, or signal:NAME, separated by commas
    ///
    /// Default: those that --platform counts as clean, or 0.
    #[arg(long, help_heading = STOP, value_name = "CODE|signal:NAME", value_delimiter = ',', value_parser = expected, allow_hyphen_values = true)]
    pub(super) expect_exit: Vec<Expected>,

    /// Response statuses that are not a loss after the signal
    ///
    /// For example 503 for a service that declines requests.
    #[arg(long, help_heading = STOP, value_name = "STATUS", value_delimiter = ',', value_parser = status, allow_hyphen_values = true)]
    pub(super) allow_status: Vec<u16>,

    /// Fail when the verdict is inconclusive
    #[arg(long, help_heading = OUTPUT)]
    pub(super) strict: bool,

    /// Minimum duration of the load before the signal
    #[arg(long, help_heading = STOP, value_name = "TIME", default_value = "1s", value_parser = duration, allow_hyphen_values = true)]
    pub(super) warmup: Duration,

    /// Send the signal at a random time in this window after the warm-up
    #[arg(long, help_heading = STOP, value_name = "TIME", default_value = "500ms", value_parser = duration, allow_hyphen_values = true)]
    pub(super) window: Duration,

    /// Number of times to start, load and stop the service
    ///
    /// Default: 1, or 10000 with --until-failure.
    #[arg(long, help_heading = STOP, value_name = "RUNS", value_parser = runs, allow_hyphen_values = true)]
    pub(super) repeat: Option<u32>,

    /// Stop after the first run that fails
    ///
    /// The verdict counts every run. --seed repeats the times of the signals, from the first run on.
    #[arg(long, help_heading = STOP)]
    pub(super) until_failure: bool,

    /// Seed for the times of the signal and the clients' pauses
    ///
    /// Default: a random seed, which is printed.
    #[arg(long, help_heading = STOP, value_name = "NUMBER", value_parser = number, allow_hyphen_values = true)]
    pub(super) seed: Option<u64>,

    /// Format of the verdict, on stdout or in a file; repeatable
    ///
    /// FORMAT is text, json, junit, github, markdown or html. One format may go to stdout; without one for stdout, text is
    /// printed. `github` prints workflow commands after the text, and appends Markdown to $GITHUB_STEP_SUMMARY.
    #[arg(long, help_heading = OUTPUT, value_name = "FORMAT[=FILE]", value_parser = Destination::<VerdictFormat>::parse)]
    pub(super) format: Vec<Destination<VerdictFormat>>,

    /// Rehearse this command first, with the same options, and print both verdicts
    ///
    /// For the state before a change. COMMAND is split into words as by a shell, and executed without one. The exit code is that of
    /// the command after `--`.
    #[arg(long, help_heading = OUTPUT, value_name = "COMMAND", conflicts_with_all = ["demo", "record"])]
    pub(super) compare: Option<String>,

    /// Write every event of every run to this file as JSON lines
    ///
    /// `ebbtide replay FILE` judges them again.
    #[arg(long, help_heading = OUTPUT, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,

    /// Print no progress on stderr
    #[arg(long, short, help_heading = OUTPUT)]
    pub(super) quiet: bool,

    /// Where the options come from.
    #[arg(skip)]
    pub(super) origins: Origins,
}

/// The maximum number of runs.
pub(super) const MOST_RUNS: u32 = 10_000;

pub(super) const SERVICE: &str = "Service";
pub(super) const REQUESTS: &str = "Requests";
const LOAD: &str = "Load";
pub(super) const STOP: &str = "Stop";
const OUTPUT: &str = "Output";
