//! The routes of a record, by number: requests of one route are found without a comparison of names.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::record::{Endpoint, Request};

/// A route at an address.
pub(super) type RouteKey<'a> = (&'a Endpoint, &'a str);

/// Every route that requests were sent to, in the order of its first request.
#[derive(Debug)]
pub(super) struct RouteTable<'a> {
    keys: Vec<RouteKey<'a>>,
}

impl<'a> RouteTable<'a> {
    /// Returns the routes of `requests`, and the number of each request's route.
    pub(super) fn of(requests: &'a [Request]) -> (Self, Vec<usize>) {
        let mut keys = Vec::<RouteKey<'a>>::new();
        let mut numbers = BTreeMap::<RouteKey<'a>, usize>::new();
        let mut last = 0;
        let route_of = requests.iter().map(|request| {
            let key = (&request.to, &*request.route);
            // Most requests follow one of the same route.
            if keys.get(last) != Some(&key) {
                last = *numbers.entry(key).or_insert_with(|| {
                    keys.push(key);
                    keys.len() - 1
                });
            }
            last
        });
        let route_of = route_of.collect();
        (Self { keys }, route_of)
    }

    /// Returns the number of each route.
    pub(super) fn numbers(&self) -> Range<usize> {
        0..self.keys.len()
    }

    /// Returns each route, in the order of its number.
    pub(super) fn keys(&self) -> impl Iterator<Item = RouteKey<'a>> {
        self.keys.iter().copied()
    }

    /// Returns the addresses, each once, in order.
    pub(super) fn addresses(&self) -> Vec<&'a Endpoint> {
        let mut addresses: Vec<&Endpoint> = self.keys().map(|(address, _)| address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }
}
