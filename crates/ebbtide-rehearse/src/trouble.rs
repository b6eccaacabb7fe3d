//! Why a service could not be rehearsed.

use std::io;
use std::time::Duration;

use thiserror::Error;

use super::child::{AttachError, StartError};
use super::probe::DatabaseTrouble;
use super::protocol::NoProtocol;
use super::record::{Ended, UNIX};
use super::scenario::BadCall;
use super::unready::Unready;
use super::verdict::{Suggests, Unusable};
use crate::words;

/// The rehearsal did not come to a verdict.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NotRehearsed {
    /// The host has no address.
    #[error("cannot resolve `{0}`")]
    Resolve(String),
    /// Another process listens on the address.
    #[error("cannot use {0}: another process already listens there")]
    PortTaken(String),
    /// No free port for the demo.
    #[error("no free port on 127.0.0.1")]
    NoFreePort,
    /// The service did not start.
    #[error("the service did not start")]
    Start(#[from] StartError),
    /// The process that was running cannot be rehearsed.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The service was started and did not become ready in time.
    #[error("the service was not ready within {} ({seen}{})", words::limit(*.limit), listening(.listens))]
    NeverReady {
        /// The limit.
        limit: Duration,
        /// The last result of the readiness check.
        seen: Unready,
        /// Where the service listened.
        listens: Vec<String>,
        /// The last output lines of the service.
        tail: Vec<String>,
    },
    /// The service was started, and its certificate is not accepted.
    #[error("the service is not trusted ({seen})")]
    Untrusted {
        /// The result of the readiness check.
        seen: Unready,
        /// The last output lines of the service.
        tail: Vec<String>,
    },
    /// The load cannot be sent, because the service does not speak its protocol.
    #[error("{at} {}", .why.text())]
    Protocol {
        /// The address.
        at: String,
        /// What it answered.
        why: NoProtocol,
    },
    /// The calls of gRPC cannot be sent, because their messages cannot be encoded.
    #[error("cannot call {at}")]
    Call {
        /// The address.
        at: String,
        /// Why not.
        #[source]
        why: BadCall,
    },
    /// The service ended before the stop signal.
    #[error("the service ended {when} ({ended}{})", left_behind(.left))]
    EndedEarly {
        /// The stage of the run in which it ended.
        when: &'static str,
        /// How it ended.
        ended: Ended,
        /// Processes that it left running.
        left: Vec<String>,
        /// Its last output lines.
        tail: Vec<String>,
    },
    /// No route to load.
    #[error("no route to load was found: {0}")]
    NoRoute(String),
    /// No route to load: the service answers no request of HTTP.
    #[error("no route to load was found: {0}")]
    NoHttp(String),
    /// No route to load: the service speaks TLS.
    #[error("no route to load was found: {0}, and the service speaks TLS")]
    OverTls(String),
    /// The service did not work before the signal, so there is no baseline to compare with.
    #[error("no usable baseline: {0}")]
    Baseline(String),
    /// As [`Baseline`](Self::Baseline), and requests waited while long ones of another route were in flight.
    #[error("no usable baseline: {0}")]
    Blocked(String),
    /// As [`Baseline`](Self::Baseline), and each connection to the address of a route was refused.
    #[error("no usable baseline: {0}")]
    Unreachable(String),
    /// As [`Baseline`](Self::Baseline), and each request of a route was answered with an error.
    #[error("no usable baseline: {0}")]
    Broken(String),
    /// The database cannot be observed.
    #[error(transparent)]
    Database(#[from] DatabaseTrouble),
    /// A dependency that the service is to reach through a relay is not there.
    #[error("cannot reach {name} at {at}")]
    Dependency {
        /// The name of the dependency.
        name: String,
        /// Its address.
        at: String,
        /// Why not.
        source: io::Error,
    },
    /// An I/O error of the rehearsal, not of the service.
    #[error("rehearsal failed")]
    Io(#[from] io::Error),
    /// The caller interrupted the rehearsal.
    #[error("the rehearsal was interrupted")]
    Interrupted,
    /// The thread of the relays panicked.
    #[error("rehearsal failed: the relay thread panicked")]
    Relays,
    /// The load's thread panicked.
    #[error("rehearsal failed: the load thread panicked")]
    Load,
}

impl From<Unusable> for NotRehearsed {
    fn from(Unusable { why, suggests }: Unusable) -> Self {
        match suggests {
            Suggests::Load => Self::Baseline(why),
            Suggests::Blocked => Self::Blocked(why),
            Suggests::Address => Self::Unreachable(why),
            Suggests::Route => Self::Broken(why),
        }
    }
}

impl NotRehearsed {
    /// Returns the last output lines of the service, for errors that they help to explain; otherwise empty.
    pub fn tail(&self) -> &[String] {
        match self {
            Self::NeverReady { tail, .. } | Self::Untrusted { tail, .. } | Self::EndedEarly { tail, .. } => {
                tail
            }
            _ => &[],
        }
    }

    /// Returns the advice for the user, which the command prints as a `hint:` line.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::PortTaken(at) if at.starts_with(UNIX) => {
                "stop the process that listens there, or choose another path for the socket of the service"
            }
            Self::PortTaken(_) => {
                "stop the process that listens there, or choose another port for the service"
            }
            Self::EndedEarly { tail, .. } if tail.iter().any(|line| is_in_use(line)) => {
                "an address of the service is in use: stop the process that listens there, or choose another port; the file of a Unix \
                 socket that an earlier process left has to be removed before the service binds it"
            }
            Self::EndedEarly { left, .. } if !left.is_empty() => {
                "a service that moves to the background cannot be watched: run it in the foreground"
            }
            Self::EndedEarly { ended: Ended::Code(0), .. } => {
                "its standard input is /dev/null: a program that reads it reaches the end immediately"
            }
            Self::NeverReady { seen, .. } | Self::Untrusted { seen, .. } => seen.hint(),
            Self::Protocol { why, .. } => why.hint(),
            Self::Call { why, .. } => why.hint(),
            Self::Start(StartError::Exec { why, .. }) => return why.hint(),
            Self::Start(StartError::Namespace(_)) => {
                "--pid1 needs root, or user namespaces, which sandboxes and some distributions forbid"
            }
            Self::Attach(AttachError { why, .. }) => return why.hint(),
            Self::NoRoute(_) => "--url SHAPE=METHOD:PATH names a route, such as --url storm=/orders",
            Self::OverTls(_) => {
                "an https:// URL is for a service with TLS: --ready https://HOST:PORT/PATH, with --cacert FILE for its certificate or with \
                 --insecure"
            }
            Self::NoHttp(_) => {
                "of a service without HTTP give the port and a route: --ready PORT --url tcp=/LINE for lines, or --url \
                 keepalive=GRPC:/PACKAGE.SERVICE/METHOD for calls of gRPC"
            }
            Self::Baseline(_) => {
                "less load (--storm, --keepalive, --open) or another route (--url) gives a baseline to compare with"
            }
            Self::Blocked(_) => {
                "a handler that blocks its thread delays every route: call it by `spawn_blocking` or the like; if the \
                 service is only too slow, less load (--storm, --keepalive, --open) gives a baseline"
            }
            Self::Unreachable(_) => {
                "nothing listens at the address of that route: --url SHAPE=METHOD:PATH without a host goes to the address of --ready"
            }
            Self::Broken(_) => {
                "the route answers nothing else, whatever the load: --url SHAPE=METHOD:PATH names another path or method; if the status is \
                 intended: --expect-status STATUS"
            }
            Self::Database(_) => "--database-url takes postgres://user@host:port/database, without TLS",
            Self::Dependency { .. } => "--via NAME=HOST:PORT names a dependency that is running",
            Self::Load | Self::Relays => "this is a bug in ebbtide: please report it",
            _ => return None,
        })
    }
}

/// Returns whether a line of the service's output says that an address is in use: in the words of the C library, Go, Java or .NET, or by
/// the name or the number of the error.
fn is_in_use(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["address already in use", "eaddrinuse", "errno 98", "os error 98", "port is already allocated"]
        .iter()
        .any(|words| line.contains(words))
}

/// Lists where the service listens, for a service that is not ready at the expected address.
fn listening(at: &[String]) -> String {
    if at.is_empty() {
        "; the service listens on no socket".into()
    } else {
        format!("; the service listens on {}", at.join(", "))
    }
}

fn left_behind(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; it left running: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::{ExecFailure, NotAttached};
    use crate::error_form;
    use crate::unready::UnreadyAnswer;
    use crate::wire::TlsFailure;

    fn never_ready(seen: Unready, listens: &[&str]) -> NotRehearsed {
        let listens = listens.iter().map(|&at| at.to_owned()).collect();
        NotRehearsed::NeverReady { limit: Duration::from_secs(30), seen, listens, tail: Vec::new() }
    }

    fn unready(nth: usize) -> NotRehearsed {
        never_ready(crate::unready::tests::all()[nth].clone(), &["127.0.0.1:80"])
    }

    fn untrusted() -> NotRehearsed {
        let got = UnreadyAnswer::Handshake(TlsFailure::Expired);
        let seen = Unready::Requested { path: "/readyz".to_owned(), got };
        NotRehearsed::Untrusted { seen, tail: Vec::new() }
    }

    fn protocol(why: NoProtocol) -> NotRehearsed {
        NotRehearsed::Protocol { at: "127.0.0.1:80".to_owned(), why }
    }

    fn ended_early(left: &[&str]) -> NotRehearsed {
        let left = left.iter().map(|&name| name.to_owned()).collect();
        NotRehearsed::EndedEarly {
            when: "before it was ready",
            ended: Ended::Code(0),
            left,
            tail: Vec::new(),
        }
    }

    fn dependency() -> NotRehearsed {
        let (name, at) = ("redis".to_owned(), "127.0.0.1:6379".to_owned());
        NotRehearsed::Dependency { name, at, source: io::ErrorKind::ConnectionRefused.into() }
    }

    fn not_executed() -> StartError {
        let why = ExecFailure::NoSuchFile;
        StartError::Exec { program: "./orders".to_owned(), why, source: io::Error::other("not found") }
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            NotRehearsed::Resolve(_) => NotRehearsed::Resolve("orders".to_owned());
            NotRehearsed::PortTaken(_) => NotRehearsed::PortTaken("127.0.0.1:8080".to_owned());
            NotRehearsed::NoFreePort => NotRehearsed::NoFreePort;
            NotRehearsed::Start(_) => NotRehearsed::Start(not_executed());
            NotRehearsed::Attach(_) => NotRehearsed::Attach(AttachError { pid: 1, why: NotAttached::Init });
            NotRehearsed::NeverReady { .. } => never_ready(Unready::NothingListened, &[]), unready(0), unready(1), unready(2), unready(3), unready(4),
                unready(5), unready(6), unready(7), unready(8), unready(9), unready(11), unready(12), unready(13), unready(14);
            NotRehearsed::Untrusted { .. } => untrusted();
            NotRehearsed::Protocol { .. } => protocol(NoProtocol::Http1), protocol(NoProtocol::Tls(TlsFailure::Expired)),
                protocol(NoProtocol::Tls(TlsFailure::NotHttp2));
            NotRehearsed::Call { .. } => NotRehearsed::Call { at: "127.0.0.1:80".to_owned(), why: BadCall::NoReflection };
            NotRehearsed::EndedEarly { .. } => ended_early(&[]), ended_early(&["orders (pid 7)"]);
            NotRehearsed::NoRoute(_) => NotRehearsed::NoRoute("/orders: status 404".to_owned());
            NotRehearsed::OverTls(_) => NotRehearsed::OverTls("GET / gave no answer".to_owned());
            NotRehearsed::Unreachable(_) => NotRehearsed::Unreachable("3 of 3 requests failed".to_owned());
            NotRehearsed::Broken(_) => NotRehearsed::Broken("3 of 3 requests failed".to_owned());
            NotRehearsed::NoHttp(_) => NotRehearsed::NoHttp("GET / gave no answer".to_owned());
            NotRehearsed::Baseline(_) => NotRehearsed::Baseline("no request was answered".to_owned());
            NotRehearsed::Blocked(_) => NotRehearsed::Blocked("no request was answered".to_owned());
            NotRehearsed::Database(_) => NotRehearsed::Database(DatabaseTrouble("connection refused".to_owned()));
            NotRehearsed::Dependency { .. } => dependency();
            NotRehearsed::Relays => NotRehearsed::Relays;
            NotRehearsed::Io(_) => NotRehearsed::Io(io::Error::other("too many open files"));
            NotRehearsed::Interrupted => NotRehearsed::Interrupted;
            NotRehearsed::Load => NotRehearsed::Load;
        }
    }

    #[test]
    fn an_address_in_use_is_told_from_the_output_of_the_service() {
        let hint = |line: &str| {
            let tail = vec![line.to_owned(), "exiting".to_owned()];
            let (when, left) = ("before it was ready", Vec::new());
            let error = NotRehearsed::EndedEarly { when, ended: Ended::Code(1), left, tail };
            error.hint().unwrap_or_default()
        };
        for line in [
            "OSError: [Errno 98] Address already in use",
            "Error: listen EADDRINUSE: address already in use :::8080",
            "listen tcp :8080: bind: address already in use",
            "java.net.BindException: Address already in use (Bind failed)",
        ] {
            assert!(hint(line).starts_with("an address of the service is in use: "), "{line}");
        }
        assert_eq!(hint("cannot read the configuration"), "");
        let taken = |at: &str| NotRehearsed::PortTaken(at.to_owned()).hint().unwrap();
        assert!(
            taken("unix:/run/app.sock").contains("another path")
                && taken("[::1]:80").contains("another port")
        );
    }

    #[test]
    fn hints_have_the_form() {
        for error in [
            NotRehearsed::PortTaken("127.0.0.1:8080".to_owned()),
            NotRehearsed::PortTaken("unix:/run/app.sock".to_owned()),
            ended_early(&["orders (pid 7)"]),
            ended_early(&[]),
            never_ready(Unready::NothingListened, &[]),
            protocol(NoProtocol::Http1),
            not_executed().into(),
            StartError::Namespace(io::Error::other("not permitted")).into(),
            AttachError { pid: 1, why: NotAttached::Init }.into(),
            AttachError { pid: 7, why: NotAttached::NoProcess }.into(),
            AttachError { pid: 7, why: NotAttached::OtherUser }.into(),
            NotRehearsed::NoRoute(String::new()),
            NotRehearsed::NoHttp(String::new()),
            NotRehearsed::OverTls(String::new()),
            NotRehearsed::Unreachable(String::new()),
            NotRehearsed::Broken(String::new()),
            NotRehearsed::Baseline(String::new()),
            NotRehearsed::Blocked(String::new()),
            NotRehearsed::Database(DatabaseTrouble("connection refused".to_owned())),
            dependency(),
            NotRehearsed::Load,
        ] {
            assert_eq!(error_form::violations(error.hint().unwrap()), [""; 0], "{error}");
        }
    }
}
