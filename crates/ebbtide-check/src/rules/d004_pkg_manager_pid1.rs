use super::words::named;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::programs;
use crate::model::{Init, Project};

pub(super) static RULE: Rule = Rule {
    id: "D004",
    name: "pkg-manager-pid1",
    severity: Severity::Warning,
    summary: "A package manager is process 1 and stands between the signal and the program",
    details: "
`npm start`, `npm exec`, `yarn`, `pnpm`, `npx` and `bunx` start the program as a child, some of them in a shell. Which
signals they pass on, and whether they wait for the program, depends on the tool and on its version. The program itself should be
process 1, or the child of an init process.

npm starts the program in a shell and passes SIGTERM on to that shell. An init process changes little. Measured with npm 11, tini 0.19 and dumb-init 1.2 and a
program that drains for 1.5 s:

| in front of `npm start` | the shell of npm is dash (Debian, Ubuntu) | bash, or busybox ash (Alpine) |
|---|---|---|
| nothing, `tini` | killed without a signal | drains |
| `tini -g`, `dumb-init` | receives SIGTERM, and is killed at once | drains |

`npm exec` and `npx` of npm 11 do the same. The managers of Python's projects do not, and are no findings; what is behind them is looked at
instead. Measured with the same program:

| as process 1 | what it does |
|---|---|
| `poetry run` (1.8 and 2.5), `pipenv run` (2026) | is replaced by the program, which drains |
| `uv run` (0.13) | passes SIGTERM on to the program and waits: it drains. Before 0.5, of November 2024, the program received no signal |

The rule is about Dockerfiles, and about the command in a Compose file, a role of Kamal, a Quadlet, a pod, a service of Knative or Cloud Run, a container app, a task definition or a
job of Nomad. A command is followed through
an init process, through `sh -c`, and through the entry point script of a Dockerfile if that is in the input: one that ends with `exec \"$@\"` runs what `CMD` says.
In a Job of Kubernetes it is an info: it is seldom stopped before it has finished.
",
    sources: &[
        "GoogleCloudPlatform/functions-framework-nodejs#704: SIGTERM does not reach the program behind npm",
        "npm/run-script, `lib/signal-manager.js`: SIGTERM is passed on to the child, which is a shell",
        "python-poetry/poetry, `utils/env/base_env.py`: `os.execvpe`; pypa/pipenv, `routines/shell.py`: `os.execve`",
        "astral-sh/uv#8933: `uv run` passes SIGTERM on",
        "the tables: measured with `unshare --pid`",
    ],
    bad: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D004/bad.Dockerfile") }],
    good: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D004/good.Dockerfile") }],
    check,
};

/// Programs that start another one as a child. The second word must be one of these, if there are any.
const MANAGERS: [(&str, &[&str]); 5] = [
    ("npm", &["start", "run", "run-script", "exec"]),
    ("yarn", &[]),
    ("pnpm", &[]),
    ("npx", &[]),
    ("bunx", &[]),
];

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.with_containers().filter(|workload| !workload.is_oneshot) {
        for container in workload.running() {
            for program in programs(container) {
                let words: Vec<&str> = program.words.iter().map(|word| word.text.as_str()).collect();
                let (Some(manager), Some(place)) = (manager(&words), program.place()) else { continue };
                // It is seldom stopped before it has finished.
                let severity = if workload.is_batch() { Severity::Info } else { Severity::Warning };
                let title = named(workload, container, &format!("runs its program behind `{manager}`"));
                findings.push(
                    Finding::new(&RULE, severity, workload, title, place, "the program is its child")
                        .note(note(manager, program.init))
                        .effect("the program may not see SIGTERM, or its parent ends first and takes it along: requests in flight are reset")
                        .remedy("run the program itself, such as `[\"node\", \"server.js\"]`"),
                );
            }
        }
    }
}

fn note(manager: &str, init: Option<Init>) -> String {
    let own = format!("this version of {manager} does not pass SIGTERM on and wait");
    match init {
        None => own,
        Some(Init { signals_group: false }) => format!("the init signals {manager} alone, and {own}"),
        Some(Init { signals_group: true }) => {
            format!("the init signals the program too, and ends as soon as {manager} does: {own}")
        }
    }
}

fn manager<'w>(words: &[&'w str]) -> Option<&'w str> {
    let first = *words.first()?;
    let program = first.rsplit('/').next().unwrap_or(first);
    let (_, commands) = MANAGERS.iter().find(|(name, _)| *name == program)?;
    let second = words.iter().skip(1).find(|word| !word.starts_with('-'));
    (commands.is_empty() || second.is_some_and(|second| commands.contains(second))).then_some(program)
}
