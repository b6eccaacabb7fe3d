use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "M002",
    name: "proxy-cuts-requests",
    severity: Severity::Warning,
    summary: "The proxy cancels requests that it would otherwise wait for",
    details: "
At a deploy kamal-proxy waits for the requests of the old container, for `drain_timeout` and no longer, 30 s by default; then it cancels those that are left, and
their clients see 504. Otherwise a request may wait for its response as long as `response_timeout` of the proxy, 30 s by default:

    drain_timeout < response_timeout

It is a warning if the file sets `response_timeout`, since requests are then expected to take that long, and an info with the default. Connections that were
upgraded, such as WebSockets, are closed at once in any case.
",
    sources: &[
        "basecamp/kamal-proxy, `internal/server/target.go`: Drain cancels what is left at its timeout",
        "basecamp/kamal, `lib/kamal/configuration/proxy.rb`: drain-timeout and target-timeout; its documentation of the proxy: response_timeout, 30 by default",
    ],
    bad: &[Example { name: "config/deploy.yml", text: include_str!("../../fixtures/M002/bad.yml") }],
    good: &[Example { name: "config/deploy.yml", text: include_str!("../../fixtures/M002/good.yml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kamal) {
        let Some(proxy) = workload.kamal.as_ref().and_then(|role| role.proxy.as_ref()) else { continue };
        let (drain, response) = (&proxy.drain_timeout, &proxy.response_timeout);
        let (Some(&wait), Some(&longest)) = (drain.value(), response.value()) else { continue };
        if wait >= longest {
            continue;
        }
        let labelled = |name: &str, value: &Declared<_>| {
            if value.is_default() { format!("{name}, default") } else { name.to_owned() }
        };
        let severity = if response.is_default() { Severity::Info } else { Severity::Warning };
        let sum = Sum::new(
            vec![(wait, labelled("drain_timeout", drain))],
            longest,
            labelled("response_timeout", response),
        );
        let place = drain.place().or(response.place()).unwrap_or(workload.place);
        findings.push(
            Finding::new(
                &RULE,
                severity,
                workload,
                "loses the requests that take longer than the drain of its proxy",
                place,
                if drain.is_default() { "longer than the drain, 30 s by default" } else { "the proxy waits no longer than this" },
            )
            .also(response.place(), "a request may wait this long for its response")
            .sum(&sum)
            .effect("each deploy cancels the slow requests of the container that it replaces: clients see 504")
            .remedy("set drain_timeout to response_timeout or more, or lower response_timeout to what the slowest request takes"),
        );
    }
}
