//! Every check, in the order in which a reader wants them.

use super::{
    database_clean, exit_code, exit_in_time, jobs_returned, last_log_line, no_kill, no_leaked_connections,
    no_orphans, orders_processed, phases_served, readiness_before_close, refusals_clean, requests_answered,
    signal_handled,
};
use crate::verdict::fate::Case;
use crate::verdict::{Check, ShapeSummary};

/// Runs every check over `case`; those of a store only for a service that has one.
pub(in crate::verdict) fn all(case: &Case<'_>, shapes: &[ShapeSummary]) -> Vec<Check> {
    let (record, terms) = (case.record, case.terms);
    let mut checks = vec![
        signal_handled::check(case),
        requests_answered::check(case, shapes),
        phases_served::check(case),
        readiness_before_close::check(case),
        refusals_clean::check(case),
        exit_in_time::check(case),
        exit_code::check(record, terms),
        no_kill::check(record),
        no_orphans::check(record),
        no_leaked_connections::check(record),
        database_clean::check(record),
    ];
    if terms.store {
        checks.push(orders_processed::check(record));
        checks.push(jobs_returned::check(record));
        checks.push(last_log_line::check(record));
    }
    checks
}
