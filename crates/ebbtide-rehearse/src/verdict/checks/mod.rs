//! Each check in a file of its own, by the name it has in output.

mod all;
mod database_clean;
mod exit_code;
mod exit_in_time;
mod jobs_returned;
mod last_log_line;
mod no_kill;
mod no_leaked_connections;
mod no_orphans;
mod orders_processed;
mod phases_served;
mod readiness_before_close;
mod refusals_clean;
mod requests_answered;
mod signal_handled;

pub(super) use all::all;
pub(super) use readiness_before_close::first_red;
pub(super) use refusals_clean::first_refusal;
