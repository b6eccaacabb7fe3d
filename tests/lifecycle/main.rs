//! The process and its lifecycle: signals, deadlines, start-up, reports, and the service manager.

mod always_out_in_time;
mod dependencies_decide_readiness;
mod plan_and_report;
mod signals;
mod sockets_of_the_service_manager;
mod the_documentation_matches_the_code;
mod the_end_leaves_nothing_behind;
mod the_service_manager_is_notified;

/// Every example of the library's crates runs as a real process, does what it shows, and stops with exit code 0.
#[expect(clippy::expect_used, reason = "a helper that fails fails its test")]
mod examples_run {
    mod example;
    mod servers;
    mod work;
}
