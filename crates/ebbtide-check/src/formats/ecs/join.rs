use std::path::Path;

use super::service::Found;
use super::{Resources, agent};
use crate::input::{Place, Sources};
use crate::model::{Declared, Platform, Workload, seconds};

/// Turns the resources into workloads. A service of a template knows its task definition and its target groups; the files of a
/// folder are one module of Terraform.
pub(crate) fn join(workloads: &mut Vec<Workload>, resources: Resources, sources: &Sources) {
    let folder = |place: Place| Path::new(sources.name(place)).parent();
    let names: Vec<String> = resources.services.iter().map(|found| found.workload.name.clone()).collect();
    for Found { mut workload, mut service, task, target_groups, is_module } in resources.services {
        let is_near = |place: Place| {
            place.source == workload.place.source || (is_module && folder(place) == folder(workload.place))
        };
        let task = resources
            .tasks
            .iter()
            .find(|found| found.id.is_some() && found.id == task && is_near(found.workload.place));
        // One that names no service of the input may be about any.
        let is_about =
            |text: &str| text.contains(&workload.name) || !names.iter().any(|name| text.contains(name));
        let mut scaled = resources.scaled.iter().filter(|scaled| is_near(scaled.place));
        if let Some(scaled) = scaled.find(|scaled| is_about(&scaled.text)) {
            service.desired = Declared::Unresolved(scaled.place);
        }
        service.stop_timeout = task.and_then(|task| {
            let all = task.workload.running().map(|container| task.workload.grace_of(container));
            all.max_by_key(|grace| grace.value().copied()).cloned()
        });
        service.containers = task.map(|task| task.workload.containers.clone()).unwrap_or_default();
        let groups = resources.target_groups.iter();
        service.target_groups = groups
            .filter(|found| target_groups.contains(&found.id) && is_near(found.group.place))
            .map(|found| found.group.clone())
            .collect();
        workload.service = Some(service);
        workloads.push(workload);
    }
    workloads.extend(resources.tasks.into_iter().map(|found| found.workload).map(|mut workload| {
        let narrow = |(time, script)| (time, agent::narrow(script, sources));
        workload.agent_timeout = workload.agent_timeout.map(narrow);
        workload
    }));
    for found in resources.target_groups {
        let grace = Declared::Default(seconds(30));
        let mut workload = Workload::new(Platform::Ecs, "target group", &found.id, found.group.place, grace);
        workload.spelling = found.spelling;
        workload.target_group = Some(found.group);
        workloads.push(workload);
    }
}
