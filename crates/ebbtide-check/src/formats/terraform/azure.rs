use super::kubernetes::camel;
use super::shape::{Resource, block, blocks};
use crate::formats::{Facts, paas};

/// Adds an application of Azure Container Apps.
pub(super) fn container_app(resource: &Resource<'_>, facts: &mut Facts) {
    let Some(template) = block(resource.body, "template") else { return };
    let grace = template.get("termination_grace_period_seconds");
    let mut workload = paas::container_app(resource.name, resource.place, grace);
    let containers = blocks(template, "container").into_iter();
    workload.containers = containers.map(|node| paas::container(&camel(node, &[]))).collect();
    if !workload.containers.is_empty() {
        facts.workloads.push(workload);
    }
}
