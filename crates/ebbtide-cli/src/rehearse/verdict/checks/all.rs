//! Every check, in the order in which a reader wants them.

use super::{
    database_clean, exit_code, exit_in_time, jobs_returned, last_log_line, no_kill, no_leaked_connections,
    no_orphans, orders_processed, phases_served, readiness_before_close, refusals_clean, requests_answered,
    signal_handled,
};
use crate::rehearse::record::Record;
use crate::rehearse::verdict::{Check, ShapeSummary, Terms};

/// Runs every check over `record`.
pub(in crate::rehearse::verdict) fn all(
    record: &Record,
    terms: &Terms,
    shapes: &[ShapeSummary],
) -> Vec<Check> {
    vec![
        signal_handled::check(record, terms),
        requests_answered::check(record, shapes),
        phases_served::check(record, terms),
        readiness_before_close::check(record, terms),
        refusals_clean::check(record),
        exit_in_time::check(record, terms),
        exit_code::check(record, terms),
        no_kill::check(record),
        no_orphans::check(record),
        no_leaked_connections::check(record),
        database_clean::check(record),
        orders_processed::check(record),
        jobs_returned::check(record),
        last_log_line::check(record),
    ]
}
