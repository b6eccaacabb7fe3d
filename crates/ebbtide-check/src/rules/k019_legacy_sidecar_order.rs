use std::time::Duration;

use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::knowledge::{is_istio_proxy, istio_stop};
use crate::model::{Container, Platform, Project, UNBOUNDED, Workload, show};

pub(super) static RULE: Rule = Rule {
    id: "K019",
    name: "legacy-sidecar-order",
    severity: Severity::Warning,
    summary: "A proxy container stops before the program that needs it",
    details: "
The containers of a pod receive SIGTERM at the same time, unless they are native sidecars (init containers with `restartPolicy: Always`,
stable in Kubernetes 1.33). A database proxy or a mesh proxy as an ordinary container stops at once or after its own drain time, while
the program still drains and needs its connections:

    preStop + drain of the proxy < preStop + drain of the program

Known are istio-proxy (5 s, or `terminationDrainDuration` of the annotation `proxy.istio.io/config` or of the variable `PROXY_CONFIG` of its container), linkerd-proxy (0 s) and cloud-sql-proxy (0 s), unless they are set to wait for their connections
(`EXIT_ON_ZERO_ACTIVE_CONNECTIONS` as a variable or in `proxyMetadata` of either, `--max-sigterm-delay`). The preStop hook or the drain of the program has to be declared.
",
    sources: &[
        "kubernetes/enhancements, KEP-753: why sidecars stop last",
        "istio/istio, `pkg/config/mesh/mesh.go`: terminationDrainDuration, 5 s",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K019/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K019/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes).filter(|workload| !workload.is_batch()) {
        for proxy in workload.main() {
            let Some(own) = proxy_drain(workload, proxy) else { continue };
            if waits_for_connections(proxy) {
                continue;
            }
            // A hook of unknown length may wait for the program.
            let waits = match &proxy.pre_stop {
                Some(hook) => match hook.least {
                    Some((time, _)) => time,
                    None => continue,
                },
                None => Duration::ZERO,
            };
            let programs = workload.main().filter(|container| container.name != proxy.name);
            let Some((program, time)) = programs
                .filter_map(|container| Some((container, needs(workload, container)?)))
                .max_by_key(|(_, time)| *time)
            else {
                continue;
            };
            if time <= waits.saturating_add(own) {
                continue;
            }
            let sum = Sum::new(
                vec![(waits, "preStop of the proxy".to_owned()), (own, format!("drain of `{}`", proxy.name))],
                time,
                format!("preStop and drain of `{}`", program.name),
            );
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Warning,
                    workload,
                    format!("stops its proxy `{}` before `{}`, which needs it", proxy.name, program.name),
                    proxy.place,
                    "receives SIGTERM at the same time",
                )
                .also(Some(program.place), format!("may work for {} longer", show(time)))
                .sum(&sum)
                .note(format!("`{}` uses the proxy while it drains", program.name))
                .effect("requests that drain lose their database or their network: they fail although the program waits for them")
                .remedy("make the proxy a native sidecar: move it to initContainers with `restartPolicy: Always`"),
            );
        }
    }
}

/// Returns how long a known proxy goes on after SIGTERM, unless it waits for its connections.
fn proxy_drain(workload: &Workload, proxy: &Container) -> Option<Duration> {
    let declared = proxy.drain.as_ref().map(|drain| drain.time);
    if is_istio_proxy(proxy) {
        let stop = istio_stop(workload, Some(proxy));
        return declared.or(stop.drain).filter(|_| !stop.waits_for_connections);
    }
    let known = match proxy.image_name()? {
        "linkerd-proxy" | "cloud-sql-proxy" | "gce-proxy" | "cloudsql-docker" | "alloydb-auth-proxy" => {
            Some(Duration::ZERO)
        }
        _ => None,
    };
    known.map(|known| declared.unwrap_or(known))
}

/// Returns whether a proxy is set to stay until its connections are closed.
fn waits_for_connections(proxy: &Container) -> bool {
    let flags = ["max-sigterm-delay", "term_timeout"];
    let has_flag = |word: &str| flags.iter().any(|flag| word.trim_start_matches('-').starts_with(flag));
    proxy.words().iter().any(|word| has_flag(&word.text))
        || proxy.variables.iter().any(|variable| variable.name == "CSQL_PROXY_MAX_SIGTERM_DELAY")
}

/// Returns how long a program may need the proxy, if it is declared.
fn needs(workload: &Workload, container: &Container) -> Option<Duration> {
    let drain = workload.drain_of(container).filter(|drain| drain.is_declared).map(|drain| drain.time);
    let hook = container.pre_stop.as_ref().and_then(|hook| hook.least).map(|(time, _)| time);
    // One that never ends needs nothing.
    let hook = hook.filter(|time| *time != UNBOUNDED);
    (drain.is_some() || hook.is_some())
        .then(|| drain.unwrap_or_default().saturating_add(hook.unwrap_or_default()))
}
