use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::Script;
use crate::model::Project;

pub(super) static RULE: Rule = Rule {
    id: "D004",
    name: "pkg-manager-pid1",
    severity: Severity::Warning,
    summary: "A package manager is process 1 and stands between the signal and the program",
    details: "
`npm start`, `yarn`, `pnpm`, `npx`, `poetry run`, `pipenv run` and `uv run` start the program as a child, some of them in a shell. Which
signals they pass on, and whether they wait for the program, depends on the tool and on its version. The program itself should be
process 1, or the child of an init process.

The rule is about Dockerfiles, and about the command in a Compose file, a role of Kamal or a Quadlet.
",
    sources: &[
        "GoogleCloudPlatform/functions-framework-nodejs#704: SIGTERM does not reach the program behind npm",
    ],
    bad: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D004/bad.Dockerfile") }],
    good: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D004/good.Dockerfile") }],
    check,
};

/// Programs that start another one as a child. The second word must be one of these, if there are any.
const MANAGERS: [(&str, &[&str]); 8] = [
    ("npm", &["start", "run", "run-script", "exec"]),
    ("yarn", &[]),
    ("pnpm", &[]),
    ("npx", &[]),
    ("bunx", &[]),
    ("poetry", &["run"]),
    ("pipenv", &["run"]),
    ("uv", &["run"]),
];

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.with_commands() {
        for container in &workload.containers {
            let Some(command) = container.run() else { continue };
            let (_, command) = command.without_init();
            let words = match command.script() {
                Some(script) => match Script::read(&script.text).commands.pop() {
                    Some(last) => last.words,
                    None => continue,
                },
                None => command.texts().into_iter().map(str::to_owned).collect(),
            };
            let words: Vec<&str> =
                words.iter().map(String::as_str).skip_while(|word| *word == "exec").collect();
            let Some(manager) = manager(&words) else { continue };
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Warning,
                    workload,
                    format!("runs its program behind `{manager}`"),
                    command.place,
                    "the program is its child",
                )
                .note(format!("this version of {manager} does not pass SIGTERM on and wait"))
                .effect("the program may not see SIGTERM, or its parent ends first and takes it along: requests in flight are reset")
                .remedy("run the program itself, such as `[\"node\", \"server.js\"]`"),
            );
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
