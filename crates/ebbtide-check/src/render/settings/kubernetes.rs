use std::fmt::Write as _;
use std::time::Duration;

use super::stop::stop;
use super::values::{at, comments, duration, grace, variables};
use crate::engine::PlanTimes;
use crate::model::{RouteKind, seconds, whole_seconds};

/// The time that Services and Ingresses need until they no longer lead to a pod.
const PROPAGATION: Duration = RouteKind::Ingress.propagation();

pub(super) fn settings(times: &PlanTimes, name: &str) -> String {
    let duck = times.lame_duck.min;
    // A lame duck that is long enough bridges it without a hook.
    let hook = if duck < PROPAGATION { PROPAGATION } else { Duration::ZERO };
    let grace = whole_seconds(hook).saturating_add(grace(times));
    let mut lines = vec![
        format!("The shutdown of {name} on Kubernetes: a patch of its Deployment."),
        String::new(),
        "A pod that is replaced, from its deletion on, when the new pod is ready:".to_owned(),
    ];
    if !hook.is_zero() {
        lines.push(format!(
            "{}  preStop: requests are served until the routes lead elsewhere",
            at(Duration::ZERO)
        ));
    }
    lines.extend(stop(times, hook, seconds(grace)));
    let mut text = comments(&lines);
    let _ = write!(
        text,
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  template:\n    metadata:\n      annotations:\n        \
         ebbtide.dev/drain: {}\n",
        duration(times.drain())
    );
    if !duck.is_zero() {
        let _ = writeln!(text, "        ebbtide.dev/lame-duck: {}", duration(duck));
    }
    let _ = write!(
        text,
        "    spec:\n      terminationGracePeriodSeconds: {grace}\n      containers:\n        - name: {name}\n          env:\n            \
         # Kubernetes does not pass the grace period to the process.\n"
    );
    for (key, value) in variables(times) {
        let _ = writeln!(text, "            - name: {key}\n              value: {value}");
    }
    if !hook.is_zero() {
        let _ = write!(
            text,
            "          lifecycle:\n            # The lame duck is shorter than the routes need.\n            preStop:\n              sleep:\n                \
             seconds: {}\n",
            whole_seconds(hook)
        );
    }
    text.push_str(PROBES);
    text
}

/// The routes of the health listener. The liveness probe succeeds during a drain.
const PROBES: &str = "          # `health` is the port of the health listener.
          startupProbe:
            httpGet:
              path: /startupz
              port: health
            periodSeconds: 1
            failureThreshold: 60
          readinessProbe:
            httpGet:
              path: /readyz
              port: health
            periodSeconds: 2
            failureThreshold: 1
          livenessProbe:
            httpGet:
              path: /livez
              port: health
            periodSeconds: 10
            failureThreshold: 3
";
