use std::fmt::Write as _;
use std::time::Duration;

use super::stop::stop;
use super::values::{comments, duration, grace, variables};
use crate::engine::PlanTimes;
use crate::model::{seconds, whole_seconds};

/// The longest stop timeout of Fargate.
const FARGATE: u64 = 120;

/// The longest deregistration delay.
const MAX_DELAY: u64 = 3600;

pub(super) fn settings(times: &PlanTimes, name: &str) -> String {
    let grace = grace(times).max(2);
    // The load balancer waits for requests in flight before the signal: as long as the servers would.
    let delay = whole_seconds(times.servers_end).min(MAX_DELAY);
    let mut lines = vec![
        format!("The shutdown of {name} on ECS: settings of its task definition and of its target group."),
        String::new(),
        format!(
            "When the new task is healthy, ECS deregisters the old one and waits up to {delay} s for its requests. From SIGTERM on:"
        ),
    ];
    lines.extend(stop(times, Duration::ZERO, seconds(grace)));
    if grace > FARGATE {
        lines.extend([String::new(), format!("Fargate allows {FARGATE} s at most: this is for EC2.")]);
    }
    let (mut text, id) = (comments(&lines), logical_id(name));
    let _ = write!(
        text,
        "Resources:\n  {id}Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      Family: {name}\n      ContainerDefinitions:\n        - Name: \
         {name}\n          StopTimeout: {grace}\n          DockerLabels:\n            ebbtide.dev/drain: {}\n          Environment:\n            # ECS does \
         not pass stopTimeout to the process.\n",
        duration(times.drain())
    );
    for (key, value) in variables(times) {
        let _ = writeln!(text, "            - Name: {key}\n              Value: {value}");
    }
    let _ = write!(
        text,
        "  {id}TargetGroup:\n    Type: AWS::ElasticLoadBalancingV2::TargetGroup\n    Properties:\n      TargetGroupAttributes:\n        - Key: \
         deregistration_delay.timeout_seconds\n          Value: \"{delay}\"\n"
    );
    text
}

/// Returns a name that CloudFormation accepts: letters and digits.
fn logical_id(name: &str) -> String {
    let words = name.split('-').filter(|word| !word.is_empty());
    words
        .flat_map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<Vec<_>>()
        })
        .collect()
}
