//! Web servers and proxies, and wrappers in front of a service.

use super::knowledge::{Cause, DELAY, Knowledge, Symptom};

pub(super) const SHELL: Knowledge = Knowledge {
    name: "a shell",
    graceful: &[],
    otherwise: "",
    causes: &[Cause {
        symptoms: &[Symptom::Unhandled, Symptom::EndedBySignal, Symptom::CodeOfSignal, Symptom::Orphans],
        cause: "it gets the signal and does not forward it to the service",
        remedy: "write `exec` in front of the service's command in the script",
    }],
};

pub(super) const NPM: Knowledge = Knowledge {
    name: "npm",
    graceful: &[],
    otherwise: "",
    causes: &[Cause {
        symptoms: &[Symptom::Unhandled, Symptom::EndedBySignal, Symptom::CodeOfSignal, Symptom::Orphans],
        cause: "it ends by the signal and does not wait for the service",
        remedy: "start `node` itself, without npm",
    }],
};

/// The accept queue of a listener that closes.
const QUEUE: &str = "the kernel resets the connections in the accept queue of a listener that closes";

pub(super) const NGINX: Knowledge = Knowledge {
    name: "nginx",
    graceful: &["QUIT"],
    otherwise: "is its fast shutdown, which ends requests in flight",
    causes: &[
        Cause {
            symptoms: &[Symptom::BadGateway],
            cause: "the server behind it ended first",
            remedy: "stop nginx first, and the server behind it when nginx has exited",
        },
        Cause { symptoms: &[Symptom::NewConnections], cause: QUEUE, remedy: DELAY },
        Cause {
            symptoms: &[Symptom::KeptConnections],
            cause: "a worker closes each connection after the request that it is processing",
            remedy: DELAY,
        },
        Cause {
            symptoms: &[Symptom::Overdue],
            cause: "`worker_shutdown_timeout` is shorter than a request",
            remedy: "set `worker_shutdown_timeout` above the longest request and below the grace period",
        },
        Cause {
            symptoms: &[Symptom::Late],
            cause: "workers wait for connections in use, without a limit by default",
            remedy: "set `worker_shutdown_timeout` below the grace period",
        },
    ],
};

pub(super) const HAPROXY: Knowledge = Knowledge {
    name: "HAProxy",
    graceful: &["USR1"],
    otherwise: "is its hard stop, which closes every connection",
    causes: &[
        Cause {
            symptoms: &[Symptom::BadGateway],
            cause: "the server behind it ended first",
            remedy: "stop HAProxy first, and the server behind it when HAProxy has exited",
        },
        Cause { symptoms: &[Symptom::NewConnections], cause: QUEUE, remedy: DELAY },
        Cause {
            symptoms: &[Symptom::Overdue],
            cause: "`hard-stop-after` is shorter than a request",
            remedy: "set `hard-stop-after` above the longest request and below the grace period",
        },
        Cause {
            symptoms: &[Symptom::Late],
            cause: "it waits for connections in use, without a limit by default",
            remedy: "set `hard-stop-after` in the section `global`, below the grace period",
        },
    ],
};

pub(super) const APACHE: Knowledge = Knowledge {
    name: "Apache",
    graceful: &["WINCH"],
    otherwise: "is its immediate stop, which ends requests in flight",
    causes: &[
        Cause {
            symptoms: &[Symptom::BadGateway],
            cause: "the server behind it ended first",
            remedy: "stop Apache first, and the server behind it when Apache has exited",
        },
        Cause { symptoms: &[Symptom::NewConnections], cause: QUEUE, remedy: DELAY },
        Cause {
            symptoms: &[Symptom::Overdue],
            cause: "`GracefulShutdownTimeout` is shorter than a request",
            remedy: "set `GracefulShutdownTimeout` above the longest request and below the grace period",
        },
        Cause {
            symptoms: &[Symptom::Late],
            cause: "it waits for requests in flight, without a limit by default",
            remedy: "set `GracefulShutdownTimeout` below the grace period",
        },
    ],
};

pub(super) const CADDY: Knowledge = Knowledge {
    name: "Caddy",
    graceful: &["TERM", "INT"],
    otherwise: "ends it at once",
    causes: &[
        Cause {
            symptoms: &[Symptom::BadGateway],
            cause: "the server behind it ended first",
            remedy: "stop Caddy first, and the server behind it when Caddy has exited",
        },
        Cause {
            symptoms: &[Symptom::NewConnections],
            cause: QUEUE,
            remedy: "set `shutdown_delay` in the global options",
        },
        Cause {
            symptoms: &[Symptom::KeptConnections],
            cause: "a kept connection counts as idle until the next head was read whole, and is closed",
            remedy: "set `shutdown_delay` in the global options",
        },
        Cause {
            symptoms: &[Symptom::Overdue],
            cause: "`grace_period` is shorter than a request",
            remedy: "set `grace_period` above the longest request and below the grace period of the platform",
        },
        Cause {
            symptoms: &[Symptom::Late],
            cause: "it waits for requests in flight, without a limit by default",
            remedy: "set `grace_period` in the global options, below the grace period of the platform",
        },
    ],
};

pub(super) const PHP_FPM: Knowledge = Knowledge {
    name: "PHP-FPM",
    graceful: &["QUIT"],
    otherwise: "is its immediate stop, which ends requests in flight",
    causes: &[Cause {
        symptoms: &[Symptom::Late],
        cause: "it waits for requests in flight",
        remedy: "set `request_terminate_timeout` below the grace period",
    }],
};
