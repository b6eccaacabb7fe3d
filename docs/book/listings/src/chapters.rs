//! A module for each chapter of the book: `cargo test --doc` compiles their Rust listings.

#[doc = include_str!("../../src/checks/database-clean.md")]
mod checks_database_clean {}

#[doc = include_str!("../../src/checks/dependencies-closed.md")]
mod checks_dependencies_closed {}

#[doc = include_str!("../../src/checks/exit-code.md")]
mod checks_exit_code {}

#[doc = include_str!("../../src/checks/exit-in-time.md")]
mod checks_exit_in_time {}

#[doc = include_str!("../../src/checks/jobs-returned.md")]
mod checks_jobs_returned {}

#[doc = include_str!("../../src/checks/lame-duck-served.md")]
mod checks_lame_duck_served {}

#[doc = include_str!("../../src/checks/last-log-line.md")]
mod checks_last_log_line {}

#[doc = include_str!("../../src/checks/liveness-stays-green.md")]
mod checks_liveness_stays_green {}

#[doc = include_str!("../../src/checks/no-kill.md")]
mod checks_no_kill {}

#[doc = include_str!("../../src/checks/no-leaked-connections.md")]
mod checks_no_leaked_connections {}

#[doc = include_str!("../../src/checks/no-orphans.md")]
mod checks_no_orphans {}

#[doc = include_str!("../../src/checks/orders-processed.md")]
mod checks_orders_processed {}

#[doc = include_str!("../../src/checks/phases-served.md")]
mod checks_phases_served {}

#[doc = include_str!("../../src/checks/readiness-before-close.md")]
mod checks_readiness_before_close {}

#[doc = include_str!("../../src/checks/refusals-clean.md")]
mod checks_refusals_clean {}

#[doc = include_str!("../../src/checks/requests-answered.md")]
mod checks_requests_answered {}

#[doc = include_str!("../../src/checks/second-signal.md")]
mod checks_second_signal {}

#[doc = include_str!("../../src/checks/signal-handled.md")]
mod checks_signal_handled {}

#[doc = include_str!("../../src/command/checks.md")]
mod command_checks {}

#[doc = include_str!("../../src/command/ci.md")]
mod command_ci {}

#[doc = include_str!("../../src/command/rehearse.md")]
mod command_rehearse {}

#[doc = include_str!("../../src/concepts/budgets-and-lame-duck.md")]
mod concepts_budgets_and_lame_duck {}

#[doc = include_str!("../../src/concepts/how-a-shutdown-runs.md")]
mod concepts_how_a_shutdown_runs {}

#[doc = include_str!("../../src/concepts/queues.md")]
mod concepts_queues {}

#[doc = include_str!("../../src/concepts/stragglers-and-watchdog.md")]
mod concepts_stragglers_and_watchdog {}

#[doc = include_str!("../../src/deploy/ecs.md")]
mod deploy_ecs {}

#[doc = include_str!("../../src/deploy/kubernetes.md")]
mod deploy_kubernetes {}

#[doc = include_str!("../../src/deploy/systemd.md")]
mod deploy_systemd {}

#[doc = include_str!("../../src/design-decisions.md")]
mod design_decisions {}

#[doc = include_str!("../../src/getting-started/axum.md")]
mod getting_started_axum {}

#[doc = include_str!("../../src/getting-started/queue.md")]
mod getting_started_queue {}

#[doc = include_str!("../../src/getting-started/session.md")]
mod getting_started_session {}

#[doc = include_str!("../../src/getting-started/tonic.md")]
mod getting_started_tonic {}

#[doc = include_str!("../../src/introduction.md")]
mod introduction {}

#[doc = include_str!("../../src/migrating/axum-serve.md")]
mod migrating_axum_serve {}

#[doc = include_str!("../../src/migrating/axum-server.md")]
mod migrating_axum_server {}

#[doc = include_str!("../../src/migrating/select.md")]
mod migrating_select {}

#[doc = include_str!("../../src/migrating/tokio-graceful-shutdown.md")]
mod migrating_tokio_graceful_shutdown {}

#[doc = include_str!("../../src/other-languages.md")]
mod other_languages {}

#[doc = include_str!("../../src/testing.md")]
mod testing {}

#[doc = include_str!("../../src/troubleshooting.md")]
mod troubleshooting {}
