//! Whether the service worked before the signal: what did not work then tells nothing about the stop.

use std::collections::BTreeMap;

use super::Terms;
use super::fate::Case;
use super::reason::Reason;
use crate::record::{Outcome, Record, Shape};
use crate::words;

/// More failures than this share of a route's requests before the signal make the run worthless.
const TOLERATED: f64 = 0.1;
/// Fewer failures than this are chance.
const FEW: u64 = 3;

/// Why nothing can be judged from `record`; `None`: the service worked before the signal.
pub(crate) fn broken(record: &Record, terms: &Terms) -> Option<String> {
    let case = Case::new(record, terms);
    // Of each route: how many ended before the signal, how many of those badly, and how the first of these did.
    let mut routes = BTreeMap::<&str, (u64, u64, Option<String>)>::new();
    let mut answered = 0_u64;
    let quick = |shape: &Shape| !matches!(shape, Shape::Slow | Shape::Phases);
    for judged in case.requests.iter().filter(|judged| !judged.after) {
        let (all, bad, how) = routes.entry(&judged.request.route).or_default();
        *all += 1;
        let failed = match (judged.reason(), judged.request.outcome) {
            (_, Outcome::Refused) => Some("connection refused".to_owned()),
            (_, Outcome::ConnectTimeout) => Some("connection neither accepted nor refused".to_owned()),
            (Some(reason), _) => Some(Reason::text(reason)),
            (None, _) => None,
        };
        match failed {
            Some(why) => {
                *bad += 1;
                how.get_or_insert(why);
            }
            None => answered += 1,
        }
    }
    for (route, (all, bad, how)) in &routes {
        if *bad >= FEW && *bad as f64 > *all as f64 * TOLERATED {
            let (bad, all) = (words::count(*bad), words::count(*all));
            let how = how.as_deref().unwrap_or_default();
            return Some(format!("{bad} of {all} requests of {route} failed before the signal ({how})"));
        }
    }
    let loaded = terms.shapes.iter().any(quick);
    (loaded && answered == 0).then(|| "no request was answered before the signal".to_owned())
}
