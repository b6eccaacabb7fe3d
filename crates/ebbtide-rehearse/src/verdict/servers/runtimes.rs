//! Application servers, by the language of the service.

use super::knowledge::{Cause, DELAY, Knowledge, Symptom};

/// The accept queue of a listener that closes.
const QUEUE: &str = "the kernel resets the connections in the accept queue of a listener that closes";
/// Idle connections are closed while the client's next request is on its way.
const IDLE: &str = "the stop closes idle connections, also one whose next request is on its way";

pub(super) const GO: Knowledge = Knowledge {
    name: "Go",
    graceful: &[],
    otherwise: "",
    causes: &[
        Cause {
            symptoms: &[Symptom::Unhandled],
            cause: "a program without `signal.Notify` ends by the signal",
            remedy: "call `signal.NotifyContext`, then `Server.Shutdown` with a context that has a deadline",
        },
        Cause {
            symptoms: &[Symptom::EndedInFlight, Symptom::ExitedAtOnce],
            cause: "`main` returns while requests are in flight: `ListenAndServe` returns when `Server.Shutdown` begins",
            remedy: "let `main` wait until `Server.Shutdown` has returned",
        },
        Cause {
            symptoms: &[Symptom::NewConnections],
            cause: "`Server.Shutdown` closes the listener at once, and the kernel resets the connections in its accept queue",
            remedy: "answer readiness with 503 and sleep before `Server.Shutdown`, or put a delay in front of the signal",
        },
        Cause {
            symptoms: &[Symptom::KeptConnections],
            cause: "for `Server.Shutdown` a kept connection is idle until the next head was read whole, and is closed",
            remedy: "set `Connection: close` on every response from the signal on, and sleep before `Server.Shutdown`",
        },
        Cause {
            symptoms: &[Symptom::Late],
            cause: "`Server.Shutdown` waits for connections in use, without a limit of its own",
            remedy: "give `Server.Shutdown` a context with a deadline below the grace period, then call `Server.Close`",
        },
    ],
};

const NODE_CAUSES: &[Cause] = &[
    Cause {
        symptoms: &[Symptom::Unhandled],
        cause: "without a handler the signal ends Node with every request in flight",
        remedy: "install a handler that calls `server.close()` and exits in its callback",
    },
    Cause {
        symptoms: &[Symptom::ExitedAtOnce],
        cause: "a handler that calls `process.exit()` ends it at once, with every request in flight",
        remedy: "call `server.close()` in the handler of the signal, and `process.exit()` in its callback",
    },
    Cause {
        symptoms: &[Symptom::EndedInFlight],
        cause: "the process exits before requests in flight are answered: `process.exit()` does not wait for them",
        remedy: "call `process.exit()` in the callback of `server.close()`",
    },
    Cause {
        symptoms: &[Symptom::NewConnections],
        cause: "`server.close()` closes the listener at once, and the kernel resets the connections in its accept queue",
        remedy: "answer readiness with 503 and wait before `server.close()`, or put a delay in front of the signal",
    },
    Cause {
        symptoms: &[Symptom::KeptConnections],
        cause: "`server.close()` closes idle connections, also one whose next request is on its way",
        remedy: "set `Connection: close` on every response from the signal on, and wait before `server.close()`",
    },
    Cause {
        symptoms: &[Symptom::Late],
        cause: "`server.close()` waits for connections in use, without a limit",
        remedy: "set `Connection: close` on every response from the signal on, and call `server.closeAllConnections()` at a deadline",
    },
];

pub(super) const NODE: Knowledge =
    Knowledge { name: "Node", graceful: &[], otherwise: "", causes: NODE_CAUSES };
pub(super) const EXPRESS: Knowledge =
    Knowledge { name: "Express", graceful: &[], otherwise: "", causes: NODE_CAUSES };

pub(super) const FASTIFY: Knowledge = Knowledge {
    name: "Fastify",
    graceful: &[],
    otherwise: "",
    causes: &[
        Cause {
            symptoms: &[Symptom::Unavailable],
            cause: "after `fastify.close()` requests on open connections are answered with 503 (`return503OnClosing`)",
            remedy: "give --allow-status 503, or set `return503OnClosing` to false",
        },
        Cause {
            symptoms: &[Symptom::Unhandled, Symptom::ExitedAtOnce],
            cause: "nothing waits for requests in flight: no handler, or one that calls `process.exit()` at once",
            remedy: "wait for `fastify.close()` in a handler, then exit",
        },
        Cause {
            symptoms: &[Symptom::EndedInFlight],
            cause: "the process exits before requests in flight are answered: `process.exit()` does not wait for them",
            remedy: "wait for `fastify.close()` in a handler, then exit",
        },
        Cause { symptoms: &[Symptom::NewConnections], cause: QUEUE, remedy: DELAY },
        Cause { symptoms: &[Symptom::KeptConnections], cause: IDLE, remedy: DELAY },
        Cause {
            symptoms: &[Symptom::Late],
            cause: "`fastify.close()` waits for connections in use",
            remedy: "set `forceCloseConnections`, or exit at a deadline below the grace period",
        },
    ],
};

pub(super) const UVICORN: Knowledge = Knowledge {
    name: "uvicorn",
    graceful: &[],
    otherwise: "",
    causes: &[
        Cause {
            symptoms: &[Symptom::EndedBySignal],
            cause: "it raises the signal again at the end of a graceful shutdown",
            remedy: "give --expect-exit 0,signal:TERM",
        },
        Cause { symptoms: &[Symptom::NewConnections], cause: QUEUE, remedy: DELAY },
        Cause {
            symptoms: &[Symptom::KeptConnections],
            cause: "it closes idle connections at the signal, also one with half a head of the next request",
            remedy: DELAY,
        },
        Cause {
            symptoms: &[Symptom::Overdue, Symptom::ServerError],
            cause: "requests are cancelled that take longer than `--timeout-graceful-shutdown`",
            remedy: "set `--timeout-graceful-shutdown` above the longest request and below the grace period",
        },
        Cause {
            symptoms: &[Symptom::Late],
            cause: "it waits for requests in flight, without a limit by default",
            remedy: "set `--timeout-graceful-shutdown` below the grace period",
        },
    ],
};

pub(super) const GUNICORN: Knowledge = Knowledge {
    name: "gunicorn",
    graceful: &["TERM"],
    otherwise: "is its quick shutdown",
    causes: &[
        Cause {
            symptoms: &[Symptom::NewConnections, Symptom::TimedOut],
            cause: "workers stop accepting at the signal while the listener stays open: the kernel accepts connections that none serves",
            remedy: DELAY,
        },
        Cause { symptoms: &[Symptom::KeptConnections], cause: IDLE, remedy: DELAY },
        Cause {
            symptoms: &[Symptom::Overdue, Symptom::ServerError],
            cause: "workers are killed after `--graceful-timeout`",
            remedy: "set `--graceful-timeout` above the longest request and below the grace period",
        },
        Cause {
            symptoms: &[Symptom::Late],
            cause: "workers may finish for `--graceful-timeout`, 30 s by default",
            remedy: "set `--graceful-timeout` below the grace period",
        },
    ],
};

pub(super) const HYPERCORN: Knowledge = Knowledge {
    name: "hypercorn",
    graceful: &[],
    otherwise: "",
    causes: &[
        Cause { symptoms: &[Symptom::NewConnections], cause: QUEUE, remedy: DELAY },
        Cause {
            symptoms: &[Symptom::KeptConnections],
            cause: "it closes a connection with half a head, and after a response that does not announce the close",
            remedy: DELAY,
        },
        Cause {
            symptoms: &[Symptom::Overdue, Symptom::ServerError],
            cause: "requests are answered with 500 that take longer than `--graceful-timeout`, 3 s by default",
            remedy: "set `--graceful-timeout` above the longest request and below the grace period",
        },
        Cause {
            symptoms: &[Symptom::Late],
            cause: "it waits for requests in flight for `--graceful-timeout`",
            remedy: "set `--graceful-timeout` below the grace period",
        },
    ],
};

pub(super) const PUMA: Knowledge = Knowledge {
    name: "Puma",
    graceful: &[],
    otherwise: "",
    causes: &[
        Cause {
            symptoms: &[Symptom::EndedBySignal],
            cause: "it raises the signal again at the end of a graceful shutdown (`raise_exception_on_sigterm`)",
            remedy: "give --expect-exit 0,signal:TERM",
        },
        Cause {
            symptoms: &[Symptom::NewConnections],
            cause: QUEUE,
            remedy: "set `drain_on_shutdown`, which serves the accept queue",
        },
        Cause { symptoms: &[Symptom::KeptConnections], cause: IDLE, remedy: DELAY },
        Cause {
            symptoms: &[Symptom::Overdue],
            cause: "threads with a request are ended after `force_shutdown_after`",
            remedy: "set `force_shutdown_after` above the longest request and below the grace period",
        },
        Cause {
            symptoms: &[Symptom::Late],
            cause: "it waits for requests in flight, without a limit by default",
            remedy: "set `force_shutdown_after` below the grace period",
        },
    ],
};

pub(super) const SPRING: Knowledge = Knowledge {
    name: "Spring Boot",
    graceful: &[],
    otherwise: "",
    causes: &[
        JAVA_EXIT,
        Cause {
            symptoms: &[Symptom::InFlight, Symptom::KeptConnections],
            cause: "without `server.shutdown=graceful` (the default from 3.4 on) the server closes connections with requests in flight",
            remedy: "set `server.shutdown=graceful`, and `spring.lifecycle.timeout-per-shutdown-phase` above the longest request",
        },
        Cause { symptoms: &[Symptom::NewConnections], cause: QUEUE, remedy: DELAY },
        Cause {
            symptoms: &[Symptom::Late],
            cause: "each phase may take `spring.lifecycle.timeout-per-shutdown-phase`, 30 s by default",
            remedy: "set `spring.lifecycle.timeout-per-shutdown-phase` below the grace period",
        },
    ],
};

/// How the Java machine exits after SIGTERM.
const JAVA_EXIT: Cause = Cause {
    symptoms: &[Symptom::CodeOfSignal],
    cause: "the Java machine exits with 128 and the number of the signal, after its shutdown hooks",
    remedy: "give --expect-exit 143, or 130 after SIGINT",
};

pub(super) const TOMCAT: Knowledge = Knowledge {
    name: "Tomcat",
    graceful: &[],
    otherwise: "",
    causes: &[
        JAVA_EXIT,
        Cause {
            symptoms: &[Symptom::InFlight, Symptom::KeptConnections, Symptom::NewConnections],
            cause: "it does not wait for clients unless `gracefulStopAwaitMillis` of its Service is set",
            remedy: "set `gracefulStopAwaitMillis` above the longest request and below the grace period",
        },
    ],
};

pub(super) const KESTREL: Knowledge = Knowledge {
    name: "Kestrel",
    graceful: &[],
    otherwise: "",
    causes: &[
        Cause { symptoms: &[Symptom::NewConnections], cause: QUEUE, remedy: DELAY },
        Cause { symptoms: &[Symptom::KeptConnections], cause: IDLE, remedy: DELAY },
        Cause {
            symptoms: &[Symptom::Overdue],
            cause: "requests are aborted after `HostOptions.ShutdownTimeout`, 30 s by default (5 s before .NET 6)",
            remedy: "set `HostOptions.ShutdownTimeout` above the longest request and below the grace period",
        },
        Cause {
            symptoms: &[Symptom::Late],
            cause: "the host waits for requests for `HostOptions.ShutdownTimeout`, 30 s by default",
            remedy: "set `HostOptions.ShutdownTimeout` below the grace period",
        },
    ],
};
