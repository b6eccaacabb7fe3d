use std::time::Duration;

use super::TimelineRow;
use super::build::rows;
use crate::engine::Options;
use crate::engine::check::read;
use crate::input::{Place, Problem, Sources};
use crate::model::{Declared, Platform, Project, Workload};

/// The shutdowns of the workloads of some files.
#[derive(Debug)]
pub struct Timelines {
    /// The texts that the places are in.
    pub sources: Sources,
    /// Each workload that a platform stops, in the order of the places.
    pub all: Vec<Timeline>,
    /// What was not read.
    pub problems: Vec<Problem>,
}

/// The shutdown of a workload. Times count from the begin of the stop.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// What stops, such as `Deployment shop/api`.
    pub subject: String,
    /// Where it is.
    pub place: Place,
    /// Its containers, and what leads to them.
    pub rows: Vec<TimelineRow>,
}

impl Timeline {
    /// Returns the end of the time axis.
    pub fn end(&self) -> Duration {
        self.rows.iter().map(TimelineRow::end).max().unwrap_or_default()
    }
}

/// Reads sources and puts the shutdown of each workload on a time axis. Of the options, the plans matter.
pub fn timelines(sources: Sources, options: &Options) -> Timelines {
    let mut read = read(&sources, options);
    cap_kill_timeouts(&mut read.project);
    take_agent_timeouts(&mut read.project);
    let is_stopped = |workload: &&Workload| {
        workload.platform != Platform::Image
            && !workload.is_oneshot
            && !sources.is_in_neighbour(workload.place)
    };
    let mut all: Vec<Timeline> = read
        .project
        .workloads
        .iter()
        .filter(is_stopped)
        .map(|workload| Timeline { subject: workload.title(), place: workload.place, rows: rows(workload) })
        .filter(|timeline| !timeline.rows.is_empty())
        .collect();
    all.sort_by_key(|timeline| timeline.place);
    Timelines { sources, all, problems: read.problems }
}

/// Gives the tasks of Nomad the kill timeout that its clients allow. A longer one is shortened without a message.
fn cap_kill_timeouts(project: &mut Project) {
    let limit = project.max_kill_timeout();
    let tasks = project.workloads.iter_mut().filter(|workload| workload.platform == Platform::Nomad);
    for workload in tasks {
        let own = workload.containers.iter_mut().filter_map(|task| task.grace.as_mut());
        for grace in own.chain([&mut workload.grace]) {
            let Declared::Written(time, place) = *grace else { continue };
            *grace = match limit.value() {
                Some(cap) => Declared::Written(time.min(*cap), place),
                None => Declared::Unresolved(place),
            };
        }
    }
}

/// Gives the containers of ECS that have no stop timeout the one of their machines.
fn take_agent_timeouts(project: &mut Project) {
    for workload in &mut project.workloads {
        let Some((timeout, _)) = workload.agent_timeout else { continue };
        let own = workload.containers.iter_mut().filter_map(|container| container.grace.as_mut());
        own.filter(|grace| grace.is_default()).for_each(|grace| *grace = Declared::Default(timeout));
    }
}
