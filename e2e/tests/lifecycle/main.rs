//! The process and its lifecycle: signals, deadlines, start-up, reports, and the service manager.

mod a_service_has_a_name;
mod always_out_in_time;
mod examples_run;
mod plan_and_report;
mod readiness_follows_its_checks;
mod signals;
mod sockets_of_the_service_manager;
mod start_up_waits_for_its_resources;
mod temporary_files_are_removed;
mod the_readme_compiles;
mod the_service_manager_is_told;
mod the_sidecar_is_told_last;
mod times_are_tried;
