use super::kubernetes::camel;
use super::shape::{Resource, block, blocks};
use crate::formats::kubernetes::add_annotations;
use crate::formats::times::{self, Form};
use crate::formats::{Facts, paas};
use crate::model::{Spelling, Workload};
use crate::tree::Node;

/// Adds a service of Cloud Run.
pub(super) fn cloud_run(resource: &Resource<'_>, facts: &mut Facts) {
    let Some(template) = block(resource.body, "template") else { return };
    // The first version has the containers one level further down.
    let spec = block(template, "spec").unwrap_or(template);
    let mut workload = paas::cloud_run(resource.name, resource.place);
    for of in [resource.body, template] {
        add_annotations(&mut workload, block(of, "metadata").unwrap_or(of));
    }
    add(workload, &blocks(spec, "containers"), facts);
}

/// Adds an application of Azure Container Apps.
pub(super) fn container_app(resource: &Resource<'_>, facts: &mut Facts) {
    let Some(template) = block(resource.body, "template") else { return };
    let key = "termination_grace_period_seconds";
    times::note(template, &[(key, Form::Seconds)], &mut facts.unreadable);
    let grace = template.get(key);
    let mut workload = paas::container_app(resource.name, resource.place, grace);
    workload.block = Some(resource.place.to(resource.body.place));
    add(workload, &blocks(template, "container"), facts);
}

fn add(mut workload: Workload, containers: &[&Node], facts: &mut Facts) {
    workload.containers = containers.iter().map(|node| paas::container(&camel(node, &[]))).collect();
    if !workload.containers.is_empty() {
        workload.spelling = Spelling::Terraform;
        facts.workloads.push(workload);
    }
}
