use super::fields::{Block, TIMES, blocks, duration, field};
use super::group::group;
use crate::formats::{Facts, times};
use crate::model::{Declared, Platform, Workload, seconds};
use crate::tree::Node;

/// Returns whether a document is a job, or the configuration of a client that limits kill timeouts.
pub(crate) fn is_nomad(root: &Node) -> bool {
    !jobs(root).is_empty() || max_kill_timeout(root).is_some()
}

/// Adds the task groups of the jobs.
pub(crate) fn add(root: &Node, facts: &mut Facts) {
    for job in jobs(root) {
        times::note(job.body, &TIMES, &mut facts.unreadable);
        let groups = blocks(job.body, "group", "TaskGroups");
        facts.workloads.extend(groups.iter().map(|block| group(&job, block)));
        // A job with one group may leave the group out.
        if groups.is_empty() {
            facts.workloads.push(group(&job, &job));
        }
    }
    if let Some(client) = field(root, "client") {
        times::note(client, &TIMES, &mut facts.unreadable);
    }
    if let Some(limit) = max_kill_timeout(root) {
        let grace = Declared::Default(seconds(5));
        let mut client = Workload::new(Platform::Nomad, "client", "configuration", limit.place, grace);
        client.max_kill_timeout = Some(duration(Some(limit), seconds(30)));
        facts.workloads.push(client);
    }
}

fn jobs(root: &Node) -> Vec<Block<'_>> {
    let has_tasks = |job: &Block<'_>| {
        !blocks(job.body, "group", "TaskGroups").is_empty() || !blocks(job.body, "task", "Tasks").is_empty()
    };
    let mut jobs = blocks(root, "job", "Jobs");
    if let Some(body) = root.get("Job") {
        let name = body.get("Name").or_else(|| body.get("ID"));
        let place = name.map_or(body.place, |name| name.place);
        jobs.push(Block { name: name.and_then(Node::text).unwrap_or("(unnamed)"), place, body });
    }
    jobs.retain(has_tasks);
    jobs
}

fn max_kill_timeout(root: &Node) -> Option<&Node> {
    field(field(root, "client")?, "max_kill_timeout")
}
