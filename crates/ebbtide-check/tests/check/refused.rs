//! Values that a platform refuses.

use crate::common::{check_text, ids, shown};
use crate::times::POD;

/// Nothing is deployed with a value that the platform refuses: it is unknown for every rule.
#[test]
fn a_value_that_is_refused_is_no_part_of_a_finding() {
    let pod = |grace: &str, sleep: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: api\n  annotations: {{ebbtide.dev/drain: 20s}}\nspec:\n  terminationGracePeriodSeconds: {grace}\n  \
             containers: [{{name: api, image: api, lifecycle: {{preStop: {{sleep: {{seconds: {sleep}}}}}}}}}]\n"
        )
    };
    let task = |stop: &str| {
        format!(
            "{{\"containerDefinitions\": [{{\"name\": \"api\", \"stopTimeout\": {stop}, \"dockerLabels\": {{\"ebbtide.dev/drain\": \"20s\"}}}}]}}"
        )
    };
    for (name, text, expected) in [
        ("pod.yaml", pod("30", "30"), &["K002"][..]),
        ("pod.yaml", pod("30", "\"30\""), &[]),
        ("pod.yaml", pod("10", "1"), &["K001"]),
        ("pod.yaml", pod("\"10\"", "1"), &[]),
        ("task.json", task("10"), &["E002"]),
        ("task.json", task("\"10\""), &[]),
        // CloudFormation makes a number of it.
        (
            "template.yaml",
            "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions: [{Name: api, StopTimeout: \"10\", \
             DockerLabels: {ebbtide.dev/drain: 20s}}]\n"
                .to_owned(),
            &["E002"],
        ),
    ] {
        let report = check_text(name, &text);
        assert_eq!(ids(&report), expected, "{text}\n{}", shown(&report));
        assert_eq!(report.is_incomplete(), expected.is_empty(), "{text}");
    }
}

#[test]
fn an_empty_mapping_is_no_time() {
    for (name, text) in [
        ("pod.yaml", POD.replace("@@", "{}")),
        ("pod.yaml", POD.replace("@@", "30").replace("drain: 5s", "drain: {}")),
        ("compose.yaml", "services: {a: {image: a, stop_grace_period: { }}}\n".to_owned()),
        ("task.json", "{\"containerDefinitions\": [{\"name\": \"a\", \"stopTimeout\": {}}]}".to_owned()),
    ] {
        let report = check_text(name, &text);
        assert!(
            report.is_incomplete() && shown(&report).contains("invalid duration `{}`"),
            "{text}{}",
            shown(&report)
        );
    }
}
