//! How many requests failed before the signal, for which reason, and of how many. What may fail on a new connection is compared with new
//! connections only, and what may fail on a kept one with kept ones: a service that is stopping closes its connections, and its clients open
//! others.

use std::collections::BTreeMap;

use super::case::JudgedRequest;
use super::fate::{Column, Reason};
use crate::record::Shape;

/// The failures before the signal.
#[derive(Debug, Default)]
pub(super) struct EarlierFailures {
    /// Of all requests, of those on a new connection (`true`), and of those on a kept one.
    by_connection: BTreeMap<Option<bool>, Baselines>,
}

/// The baselines, the most specific first: the same shape on the same route, the route, everything.
#[derive(Debug, Default)]
struct Baselines {
    by_shape: BTreeMap<(usize, Shape), FailureCounts>,
    by_route: BTreeMap<usize, FailureCounts>,
    everything: FailureCounts,
}

/// How many ended, and how many of those badly for which reason.
#[derive(Debug, Default)]
pub(super) struct FailureCounts {
    ended: u64,
    bad: BTreeMap<Reason, u64>,
}

/// With fewer requests before the signal a wider baseline is used.
const ENOUGH: u64 = 100;

impl EarlierFailures {
    /// Adds a request that ended before the signal.
    pub(super) fn add(&mut self, judged: &JudgedRequest<'_>) {
        let (route, shape, reason) = (judged.route, judged.request.shape, judged.reason());
        for connection in [None, Some(judged.request.fresh)] {
            let Baselines { by_shape, by_route, everything } =
                self.by_connection.entry(connection).or_default();
            let counts =
                [by_shape.entry((route, shape)).or_default(), by_route.entry(route).or_default(), everything];
            counts.into_iter().for_each(|counts| counts.add(reason));
        }
    }

    /// Returns the closest baseline that has enough requests, or else the widest. `None`: there was no request.
    pub(super) fn closest(
        &self,
        connection: Option<bool>,
        route: usize,
        shape: Shape,
    ) -> Option<&FailureCounts> {
        let Baselines { by_shape, by_route, everything } = self.by_connection.get(&connection)?;
        let closest = [by_shape.get(&(route, shape)), by_route.get(&route)];
        closest.into_iter().flatten().find(|counts| counts.ended >= ENOUGH).or(Some(everything))
    }
}

impl FailureCounts {
    fn add(&mut self, reason: Option<Reason>) {
        self.ended += 1;
        if let Some(reason) = reason {
            *self.bad.entry(reason).or_default() += 1;
        }
    }

    /// Returns how many failed for `reason`, and of how many.
    pub(super) fn of(&self, reason: Reason) -> (u64, u64) {
        (self.bad.get(&reason).copied().unwrap_or_default(), self.ended)
    }

    /// Returns how many failed in a way of `column`, and of how many.
    pub(super) fn of_column(&self, column: Column) -> (u64, u64) {
        let bad = self.bad.iter().filter(|(reason, _)| reason.column() == column).map(|(_, count)| count);
        (bad.sum(), self.ended)
    }

    /// Returns the share of those that failed in a way of `column`.
    pub(super) fn share(&self, column: Column) -> f64 {
        let (bad, ended) = self.of_column(column);
        bad as f64 / ended.max(1) as f64
    }
}
