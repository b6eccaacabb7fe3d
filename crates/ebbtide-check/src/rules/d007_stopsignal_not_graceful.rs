use super::repairs::{set, stop_signal};
use super::signals::{is_signal, is_unhandled};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::input::Place;
use crate::knowledge::{Server, programs, server_name, server_of_image, server_of_program};
use crate::model::{Container, Declared, Platform, Project, signal_name};

pub(super) static RULE: Rule = Rule {
    id: "D007",
    name: "stopsignal-not-graceful",
    severity: Severity::Warning,
    summary: "The image stops its server by a signal that is not the graceful one",
    details: "
Some servers have a graceful stop at another signal than SIGTERM, and their official images have a STOPSIGNAL for it. Others stop at once at a signal that many programs handle:

| server | SIGTERM | STOPSIGNAL of the official image |
|---|---|---|
| nginx | closes its connections at once | SIGQUIT: finishes the requests in flight |
| php-fpm | stops at once | SIGQUIT: finishes the requests in flight |
| Apache | stops at once | SIGWINCH: finishes the requests in flight |
| HAProxy | stops at once | SIGUSR1: finishes the connections |
| gunicorn | finishes the requests in flight; SIGINT and SIGQUIT stop it at once | it has none |
| PostgreSQL | waits until every client has disconnected | SIGINT: ends the sessions, and shuts down cleanly |

An image that installs the server as a package has the default, SIGTERM. One that is built on the official image has its STOPSIGNAL, unless
it sets another one. Scripts as entry points are left out, and so are signals that no program can handle ([D005](D005.md)).
",
    sources: &[
        "nginx/nginx.org, Controlling nginx: TERM is the fast shutdown, QUIT the graceful one",
        "the Dockerfiles of the official images nginx, php, httpd, postgres and haproxy",
        "gunicorn, Signal Handling: QUIT and INT are the quick shutdown, TERM the graceful one",
        "postgresql.org, Shutting Down the Server: SIGTERM is smart, SIGINT is fast",
    ],
    bad: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D007/bad.Dockerfile") }],
    good: &[Example { name: "Dockerfile", text: include_str!("../../fixtures/D007/good.Dockerfile") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Image) {
        for container in &workload.containers {
            let Some(found) = server(container) else { continue };
            let own = found.server.signal;
            let (signal, place, repair, verb) = match &container.stop_signal {
                Some(Declared::Written(signal, place)) if !is_unhandled(signal) && is_signal(signal) => {
                    (signal_name(signal), *place, set("STOPSIGNAL", *place, own), "use")
                }
                Some(_) => continue,
                // The base has its own signal, or that of another server, which is D006.
                None if base(container).is_some() => continue,
                None => ("TERM".to_owned(), found.place, stop_signal(found.command, own), "add"),
            };
            if signal == signal_name(own) {
                continue;
            }
            let name = found.server.name;
            let title = format!("stops {name} by SIG{signal}, which is not its graceful stop");
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Warning,
                    workload,
                    title,
                    place,
                    format!("is sent SIG{signal}"),
                )
                .also(Some(found.place), format!("runs {name}"))
                .also(found.package, format!("installs {name} without its STOPSIGNAL"))
                .repair(repair)
                .effect(found.server.effect_of(&signal))
                .remedy(format!("{verb} `STOPSIGNAL {own}`")),
            );
        }
    }
}

/// The server that an image runs.
struct Found {
    server: &'static Server,
    /// Its command, or the base image that has it.
    place: Place,
    /// The instruction before which STOPSIGNAL can be added.
    command: Place,
    package: Option<Place>,
}

/// Returns the server that an image runs: that of its official base, or one that it installs.
fn server(container: &Container) -> Option<Found> {
    let of_base = base(container);
    let Some(command) = container.run().filter(|_| !container.has_options_alone()) else {
        let (server, place) = of_base?;
        return Some(Found { server, place, command: place, package: None });
    };
    let program = programs(container).into_iter().next()?;
    let server = server_of_program(server_name(&program))?;
    let is_of_base = of_base.is_some_and(|(base, _)| base.name == server.name);
    let package = container.packages.iter().find(|package| server.is_in(&package.text));
    let found = Found {
        server,
        place: program.place().unwrap_or(command.place),
        command: command.place,
        package: package.map(|package| package.place),
    };
    // Without a package the image may have a signal from elsewhere, unless the server's is that of every image.
    (is_of_base || package.is_some() || server.signal == "SIGTERM").then_some(found)
}

fn base(container: &Container) -> Option<(&'static Server, Place)> {
    let Some(Declared::Written(image, place)) = &container.image else { return None };
    Some((server_of_image(image)?, *place))
}
