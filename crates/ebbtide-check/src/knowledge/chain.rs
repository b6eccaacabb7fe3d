//! Containers of a task that stop one after the other.

use std::time::Duration;

use crate::model::{Container, Declared, Role};

/// A container in the order of the stop.
#[derive(Clone, Copy)]
pub(crate) struct Link<'c> {
    pub(crate) container: &'c Container,
    pub(crate) time: Duration,
    pub(crate) is_declared: bool,
}

/// Returns the chain of containers, each of which depends on the next, that takes longest. `None` if a timeout is not known.
pub(crate) fn longest_chain(containers: &[Container]) -> Option<Vec<Link<'_>>> {
    let mut links = Vec::with_capacity(containers.len());
    for container in containers.iter().filter(|container| container.role != Role::Init) {
        let grace = container.grace.as_ref()?;
        links.push(Link {
            container,
            time: *grace.value()?,
            is_declared: matches!(grace, Declared::Written(..)),
        });
    }
    // Paths grow by one link in each round, so that a cycle, which ECS refuses, ends too.
    let mut best: Vec<Vec<Link<'_>>> = links.iter().map(|link| vec![*link]).collect();
    for _ in 1..links.len() {
        let grown = links.iter().zip(&best).map(|(link, now)| {
            let next = links.iter().zip(&best).filter(|(next, path)| {
                link.container.depends_on.contains(&next.container.name)
                    && path.iter().all(|other| other.container.name != link.container.name)
            });
            let tail = next.map(|(_, path)| path).max_by_key(|path| total(path));
            let path: Vec<_> = std::iter::once(*link).chain(tail.into_iter().flatten().copied()).collect();
            if total(&path) > total(now) { path } else { now.clone() }
        });
        best = grown.collect();
    }
    best.into_iter().max_by_key(|path| total(path))
}

fn total(path: &[Link<'_>]) -> Duration {
    path.iter().fold(Duration::ZERO, |sum, link| sum.saturating_add(link.time))
}
