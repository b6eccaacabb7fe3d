use super::words::named;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{Script, server_of_image};
use crate::model::{Container, Declared, Platform, PreStopAction, Project};

pub(super) static RULE: Rule = Rule {
    id: "K011",
    name: "prestop-signals-app",
    severity: Severity::Warning,
    summary: "The preStop hook stops the program before the traffic has moved away",
    details: "
A hook that sends SIGTERM to process 1 starts the shutdown before Kubernetes would. The purpose of a preStop hook is the opposite: to
delay the signal until no traffic arrives. If the hook then sleeps, the program has stopped long before; if it returns, SIGTERM is
delivered a second time, which many programs take as a request to stop at once.

The rule is about `kill`, `pkill`, `killall` and `nginx -s quit` in a hook without a `sleep` before them, and about pods that traffic may reach: a Service selects them, a
container has `ports`, or its image is that of a known server such as nginx.
",
    sources: &[
        "kubernetes/website, `pod-lifecycle.md`: endpoints change at the same time as the hook begins",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K011/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K011/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        // No traffic flows to a job, nor to a worker that takes its work from a queue.
        let may_be_reached = !workload.routes.is_empty() || workload.running().any(serves);
        if workload.is_batch() || !may_be_reached {
            continue;
        }
        for container in workload.running() {
            let Some(PreStopAction::Exec(command)) = container.pre_stop.as_ref().map(|hook| &hook.action)
            else {
                continue;
            };
            let text = match command.script() {
                Some(script) => script.text.clone(),
                None => command.texts().join(" "),
            };
            if !signals_first(&text) {
                continue;
            }
            let title = named(
                workload,
                container,
                "is stopped by its own preStop hook while traffic still flows to it",
            );
            findings.push(
                Finding::new(&RULE, Severity::Warning, workload, title, command.place, "signals the program at once")
                    .effect("new connections are refused while the routes still lead to the pod: clients see 502, 503 or connection refused")
                    .remedy("let the hook sleep, and leave the signal to Kubernetes; another signal than SIGTERM is lifecycle.stopSignal or STOPSIGNAL"),
            );
        }
    }
}

/// Returns whether clients may connect to a container, as far as its file says.
fn serves(container: &Container) -> bool {
    let image = container.image.as_ref().and_then(Declared::value);
    container.has_ports || image.is_some_and(|image| server_of_image(image).is_some())
}

/// Returns whether a script sends a signal that ends the program, and does not sleep before.
fn signals_first(script: &str) -> bool {
    for command in Script::read(script).commands {
        match command.program() {
            Some("sleep") => return false,
            Some("kill") => {
                let is_main = command
                    .words
                    .iter()
                    .skip(1)
                    .any(|word| word == "1" || word.contains("pidof") || word.contains("pgrep"));
                return is_main && ends(&command.words);
            }
            Some("pkill" | "killall") => return ends(&command.words),
            Some("nginx") => {
                return command.words.iter().any(|word| matches!(word.as_str(), "quit" | "stop"));
            }
            _ => {}
        }
    }
    false
}

/// Returns whether the signal of a `kill` ends a program. HUP and USR1 mean something else, and 0 is a question.
fn ends(words: &[String]) -> bool {
    let signal = words.iter().skip(1).find_map(|word| word.strip_prefix('-'));
    let signal = signal.map(|signal| signal.trim_start_matches("SIG").to_ascii_uppercase());
    match signal.as_deref() {
        Some("S" | "SIGNAL") => {
            words.iter().any(|word| matches!(word.trim_start_matches("SIG"), "TERM" | "INT" | "QUIT"))
        }
        Some(signal) => matches!(signal, "TERM" | "15" | "INT" | "2" | "QUIT" | "3"),
        None => true,
    }
}
