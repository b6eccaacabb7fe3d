use super::kubernetes::camel;
use super::shape::{Resource, block, blocks};
use crate::formats::{Facts, paas};

/// Adds a service of Cloud Run.
pub(super) fn service(resource: &Resource<'_>, facts: &mut Facts) {
    let Some(template) = block(resource.body, "template") else { return };
    // The first version has the containers one level further down.
    let spec = block(template, "spec").unwrap_or(template);
    let mut workload = paas::cloud_run(resource.name, resource.place);
    let containers = blocks(spec, "containers").into_iter();
    workload.containers = containers.map(|node| paas::container(&camel(node, &[]))).collect();
    if !workload.containers.is_empty() {
        facts.workloads.push(workload);
    }
}
