//! What the readiness check of a service that does not become ready showed.

use std::fmt;

use crate::wire::TlsFailure;

/// The last result of a readiness check that did not succeed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Unready {
    /// No socket listened at the address.
    NothingListened,
    /// No address was given, and no socket listened at any.
    NoListener,
    /// There is no Unix socket at the path.
    NoSocket,
    /// There is a Unix socket at the path, on which no process listens.
    Stale,
    /// This user may not connect to the Unix socket.
    Denied,
    /// The path was requested.
    Requested {
        /// The path.
        path: String,
        /// What came back.
        got: UnreadyAnswer,
    },
}

/// An answer to a readiness check that does not mean ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum UnreadyAnswer {
    /// A status other than 200 to 399.
    Status(u16),
    /// A gRPC status: no HTTP route has the path.
    Grpc,
    /// The connection ended without an answer, or none came in time.
    Nothing,
    /// TLS, where plain HTTP was expected.
    Tls,
    /// No TLS that is accepted, where it was expected.
    Handshake(TlsFailure),
    /// HTTP/2, where HTTP/1 was expected.
    Http2,
    /// Something else than HTTP.
    NotHttp,
}

impl Unready {
    /// Returns the advice for the user.
    pub(crate) fn hint(&self) -> &'static str {
        let got = match self {
            Self::Requested { got, .. } => got,
            Self::NothingListened | Self::NoSocket => {
                return "check that --ready is the address on which the service listens; --ready-timeout sets the limit";
            }
            Self::NoListener => {
                return "without --ready the service has to listen on a port or on a Unix socket: its output may say why it does not; \
                        --ready-timeout sets the limit";
            }
            Self::Stale => {
                return "an earlier process may have left the file: it has to be removed before the service binds the socket; check that \
                        --ready is the socket on which the service listens";
            }
            Self::Denied => {
                return "this user needs the permission to write to the socket and to search its folder: run the rehearsal as \
                        the user or in the group of the socket";
            }
        };
        match got {
            UnreadyAnswer::Status(401 | 403) => {
                "--header sends credentials with every request, the readiness check included; --ready URL names another path"
            }
            UnreadyAnswer::Status(400 | 421) => {
                "--host sets the host name of every request, the readiness check included; --ready URL names another path"
            }
            UnreadyAnswer::Status(500..) => {
                "the service answers, and is not ready: its output may say why; --ready-timeout gives it more time, and --ready \
                 URL names another path"
            }
            UnreadyAnswer::Status(_) => {
                "the path of --ready has to answer 200 to 399: --ready http://HOST:PORT/PATH names another one"
            }
            UnreadyAnswer::Grpc => {
                "--ready PORT waits for the port of a gRPC service, and --url SHAPE=GRPC:/PACKAGE.SERVICE/METHOD sends calls to it"
            }
            UnreadyAnswer::Tls => {
                "an https:// URL is for a service with TLS: --ready https://HOST:PORT/PATH; --cacert FILE trusts its certificate, \
                 --insecure accepts any"
            }
            UnreadyAnswer::Handshake(failure) => failure.hint(),
            UnreadyAnswer::Http2 => {
                "--http2 sends the load and, where HTTP/1 is not answered, the readiness check over HTTP/2"
            }
            UnreadyAnswer::Nothing | UnreadyAnswer::NotHttp => {
                "check that --ready is the address of an HTTP service; a bare port as in --ready PORT only has to accept a connection"
            }
        }
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, got) = match self {
            Self::Requested { path, got } => (path, got),
            Self::NothingListened => return f.write_str("nothing listened there"),
            Self::NoListener => return f.write_str("no listener was found"),
            Self::NoSocket => return f.write_str("there is no such Unix socket"),
            Self::Stale => return f.write_str("no process listens on the Unix socket, which exists"),
            Self::Denied => return f.write_str("permission to connect to the Unix socket denied"),
        };
        let what = match got {
            UnreadyAnswer::Status(status) => return write!(f, "{path} answered {status}"),
            UnreadyAnswer::Handshake(failure) => return write!(f, "{path}: {failure}"),
            UnreadyAnswer::Grpc => "was answered with a gRPC status, not by an HTTP route",
            UnreadyAnswer::Nothing => "gave no answer",
            UnreadyAnswer::Tls => "was answered with TLS, not plain HTTP",
            UnreadyAnswer::Http2 => "was answered with HTTP/2, not HTTP/1",
            UnreadyAnswer::NotHttp => "was answered with bytes that are not HTTP/1",
        };
        write!(f, "{path} {what}")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::error_form;

    /// Each kind of result.
    pub(crate) fn all() -> Vec<Unready> {
        let statuses = [401, 404, 421, 503].map(UnreadyAnswer::Status);
        let others = [
            UnreadyAnswer::Grpc,
            UnreadyAnswer::Nothing,
            UnreadyAnswer::Tls,
            UnreadyAnswer::Http2,
            UnreadyAnswer::Handshake(TlsFailure::NotTls),
            UnreadyAnswer::NotHttp,
        ];
        let path = || "/readyz".to_owned();
        let requested =
            statuses.into_iter().chain(others).map(|got| Unready::Requested { path: path(), got });
        requested
            .chain([
                Unready::NothingListened,
                Unready::NoListener,
                Unready::NoSocket,
                Unready::Stale,
                Unready::Denied,
            ])
            .collect()
    }

    #[test]
    fn hints_have_the_form_and_name_an_option_that_helps() {
        for unready in all() {
            assert_eq!(error_form::violations(unready.hint()), [""; 0], "{unready}");
        }
        let hint = |status| {
            Unready::Requested { path: "/readyz".to_owned(), got: UnreadyAnswer::Status(status) }.hint()
        };
        for (status, option) in [(401, "--header"), (403, "--header"), (404, "--ready"), (421, "--host")] {
            assert!(hint(status).starts_with(option) || hint(status).contains(option), "{status}");
        }
        assert!(hint(503).contains("--ready-timeout") && !hint(503).contains("listens"), "{}", hint(503));
    }
}
