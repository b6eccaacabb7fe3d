//! `ebbtide rehearse` as a user runs it: the built command, real services, real signals.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside test functions")]

mod attach;
mod calls;
mod common;
mod dependencies;
mod dependency_owners;
mod evidence;
mod features;
mod formats;
mod grpc;
mod help_page;
mod http2;
mod lines;
mod live;
mod liveness;
mod observed;
mod other_languages;
mod packaging;
mod pid_one;
#[path = "../../../../tests/src/ports.rs"]
#[expect(unreachable_pub, reason = "public where it is a module of a library")]
mod ports;
mod processes;
mod repeated;
mod request_ids;
mod requests;
mod scene;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod servers;
mod settings;
mod stop;
mod streams;
mod tls;
mod truth;
mod unix;
