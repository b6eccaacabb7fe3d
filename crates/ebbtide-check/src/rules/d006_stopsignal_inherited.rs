use super::repairs::stop_signal;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{programs, server_of_image};
use crate::model::{Declared, Platform, Project, Word};

pub(super) static RULE: Rule = Rule {
    id: "D006",
    name: "stopsignal-inherited",
    severity: Severity::Error,
    summary: "The image inherits a stop signal that its program does not handle",
    details: "
STOPSIGNAL is inherited from the base image. Some official images set one for their server: nginx and php-fpm SIGQUIT, httpd and php-apache
SIGWINCH, postgres SIGINT, haproxy SIGUSR1. An image that runs another program on such a base is stopped by a signal that the program does
not expect. As process 1 it then ignores the signal, and runs until SIGKILL.

It is an error for Node.js, Python, Java, .NET and uvicorn with SIGQUIT, SIGWINCH and SIGUSR1, which they do not handle as a request to
stop. It is a warning for other programs, and for SIGINT. Scripts as entry points, options alone, which are for the server of the base, and supervisord, which stops at SIGINT and
SIGQUIT too, are left out, and so are the consoles of Laravel and Symfony, `php artisan` and `php bin/console`, whose workers stop at SIGQUIT.
",
    sources: &[
        "the Dockerfiles of the official images nginx, php, httpd, postgres and haproxy",
        "Supervisor/supervisor, `supervisord.py`: SIGTERM, SIGINT and SIGQUIT request the exit",
        "measured with `unshare --pid`: Python with a handler for SIGTERM survives SIGQUIT, SIGWINCH and SIGUSR1",
    ],
    bad: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D006/bad.Dockerfile") }],
    good: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D006/good.Dockerfile") }],
    check,
};

/// Programs that certainly do not stop at SIGQUIT, SIGWINCH or SIGUSR1.
const DEAF: [&str; 8] = ["node", "python", "python3", "java", "dotnet", "uvicorn", "npm", "yarn"];

/// Programs in PHP that handle SIGQUIT as a request to stop, of Laravel and of Symfony.
const CONSOLES: [&str; 2] = ["artisan", "console"];

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Image) {
        for container in &workload.containers {
            let (Some(Declared::Written(base, base_place)), None) =
                (&container.image, &container.stop_signal)
            else {
                continue;
            };
            let run = container.run().filter(|_| !container.has_options_alone());
            let (Some(known), Some(command)) = (server_of_image(base), run) else { continue };
            let Some(found) = programs(container).into_iter().next() else { continue };
            let (program, place) = (found.name().to_owned(), found.place().unwrap_or(command.place));
            let is_script = program.ends_with(".sh") || program.contains("entrypoint");
            let stops = program == "supervisord" && matches!(known.signal, "SIGINT" | "SIGQUIT");
            let console = |word: &Word| CONSOLES.contains(&word.text.rsplit('/').next().unwrap_or_default());
            let stops = stops || (program == "php" && command.words.iter().any(console));
            if is_script || stops || known.programs.iter().any(|own| program.starts_with(own)) {
                continue;
            }
            let is_deaf = known.signal != "SIGINT" && DEAF.contains(&program.as_str());
            let severity = if is_deaf { Severity::Error } else { Severity::Warning };
            let signal = known.signal;
            let mut finding = Finding::new(
                &RULE,
                severity,
                workload,
                format!("stops `{program}` by {signal}, which it inherits from `{base}`"),
                place,
                format!("is sent {signal}"),
            )
            .also(Some(*base_place), format!("has STOPSIGNAL {signal}"))
            .repair(stop_signal(command.place, "SIGTERM").filter(|_| is_deaf))
            .effect(format!(
                "the program ignores {signal} and runs until SIGKILL: requests in flight are reset"
            ))
            .remedy("add `STOPSIGNAL SIGTERM`");
            if !is_deaf {
                finding = finding.note(format!("`{program}` does not handle {signal}"));
            }
            findings.push(finding);
        }
    }
}
