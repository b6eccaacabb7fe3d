use std::time::Duration;

use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::input::Place;
use crate::model::{Declared, Platform, Project, RouteKind, Service, show};

pub(super) static RULE: Rule = Rule {
    id: "E004",
    name: "spot-no-lameduck",
    severity: Severity::Warning,
    summary: "On Fargate Spot SIGTERM arrives while the load balancer still sends requests",
    details: "
In a deployment ECS takes a task out of the load balancer before it sends SIGTERM. When Fargate Spot reclaims a task it is the other way: the notice
and SIGTERM arrive at the same time, and the target is deregistered later. A program that stops accepting at SIGTERM refuses requests until then:

    lame duck < 15

The lame duck is declared by the Docker label `ebbtide.dev/lame-duck: 20s` of the container with the port, or by its variable `EBBTIDE_LAME_DUCK`. 15 s are what users report for an
Application Load Balancer, not a promise. The rule needs the service and its task definition in one template.
",
    sources: &[
        "re:Post, Fargate Spot termination notices: SIGTERM comes with the notice",
        "kubernetes-sigs/aws-load-balancer-controller#1064: 5 s are too short for an ALB, 25 s are enough",
    ],
    bad: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E004/bad.yaml") }],
    good: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E004/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs) {
        let Some(service) = &workload.service else { continue };
        let (Some(spot), Some(balancer)) = (service.spot, service.load_balancer) else { continue };
        let Some((lame_duck, place)) = lame_duck(service) else { continue };
        let needed = RouteKind::AlbIp.propagation();
        if lame_duck >= needed {
            continue;
        }
        let sum = Sum::new(vec![(lame_duck, "lame duck".to_owned())], needed, "time of the load balancer");
        findings.push(
            Finding::new(
                &RULE,
                Severity::Warning,
                workload,
                "receives SIGTERM on Spot while the load balancer still sends requests",
                spot,
                "reclaimed without a deregistration before SIGTERM",
            )
            .also(Some(balancer), "sends requests to it")
            .also(place, "not long enough")
            .sum(&sum)
            .note(format!("the load balancer needs {} to stop sending requests", show(needed)))
            .effect("when a Spot task is reclaimed, new requests to it are refused: clients see 502")
            .remedy(
                "keep accepting after SIGTERM, and declare for how long with the label ebbtide.dev/lame-duck or, for a service built with Ebbtide, EBBTIDE_LAME_DUCK",
            ),
        );
    }
}

/// Returns the longest lame duck that a container of the task declares, zero if none does. `None` if that is not known.
fn lame_duck(service: &Service) -> Option<(Duration, Option<Place>)> {
    if service.containers.is_empty() {
        return None;
    }
    let declared = service.containers.iter().filter_map(|container| container.lame_duck.as_ref());
    let mut longest = (Duration::ZERO, None);
    for lame_duck in declared {
        match lame_duck {
            Declared::Written(time, place) if *time >= longest.0 => longest = (*time, Some(*place)),
            Declared::Unresolved(_) => return None,
            _ => {}
        }
    }
    Some(longest)
}
