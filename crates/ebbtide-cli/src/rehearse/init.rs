//! `ebbtide rehearse --init`: writes a commented `ebbtide.toml`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use clap::ArgMatches;
use ebbtide_rehearse::words;
use ebbtide_rehearse::{Ended, Program, Ready, Route, Scenario, ServerKind, StopSignal, Survey, SurveyScope};

use super::args::RehearseArgs;
use super::init_calls::calls;
use super::init_given::{GivenLines, given_lines};
use super::plan::scenario;
use super::run::refused;
use super::survey::{option, surveyed};
use crate::exit::Ending;
use crate::output::{self, WholeFile};
use crate::settings::NAME;

/// Starts the service once, and writes what was found.
pub(super) fn init(args: &RehearseArgs, given: Option<&ArgMatches>) -> Ending {
    let scenario = match scenario(args) {
        Ok(scenario) => scenario,
        Err(error) => return refused(args, &error),
    };
    if Path::new(NAME).exists() {
        return exists();
    }
    if let Err(error) = WholeFile::create(Path::new(NAME)) {
        output::complain(&format!("cannot write {NAME}: {error}"), Some(output::UNWRITABLE));
        return Ending::Usage;
    }
    let survey = match surveyed(&scenario, SurveyScope::Load) {
        Ok(survey) => survey,
        Err(ending) => return ending,
    };
    match write(&text(&scenario, &survey, &given.map(given_lines).unwrap_or_default())) {
        Ok(()) => {
            if !args.quiet {
                output::note(&format!("{NAME} is written; `ebbtide rehearse` uses it"));
                if !survey.has_load() && args.url.is_empty() {
                    output::note(&format!(
                        "no route for the load was found: add one to {NAME}, as its comments say"
                    ));
                }
            }
            Ending::Passed
        }
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => exists(),
        Err(error) => {
            output::complain(&format!("cannot write {NAME}: {error}"), None);
            Ending::Unwritten
        }
    }
}

fn exists() -> Ending {
    output::complain(
        &format!("{NAME} exists already"),
        Some("add a section [rehearse] to it, or move it away; `ebbtide rehearse --help` lists the keys"),
    );
    Ending::Usage
}

fn write(text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(NAME)?.write_all(text.as_bytes())
}

/// Returns the text of the file.
fn text(scenario: &Scenario, survey: &Survey, given: &GivenLines) -> String {
    let words: Vec<String> = match &scenario.program {
        Program::Command(words) => words.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        Program::Managed(_) | Program::Running(_) => Vec::new(),
    };
    let command: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let mut lines = vec![
        "# Settings of `ebbtide rehearse`. Each key is a long option of the command: `ebbtide rehearse --help` explains them."
            .to_owned(),
        "# Written by `ebbtide rehearse --init` after one start of the service.".to_owned(),
        "[rehearse]".to_owned(),
        "# The command of the service, which is executed without a shell.".to_owned(),
        format!("command = [{}]", command.join(", ")),
        String::new(),
    ];
    lines.extend(readiness(survey));
    if !given.others.iter().any(|line| line.starts_with("liveness = ")) {
        lines.extend(liveness(survey));
    }
    lines.push(String::new());
    if given.routes.is_empty() {
        lines.extend(load(survey));
    } else {
        lines.push("# The routes that were given.".to_owned());
        lines.extend(given.routes.iter().cloned());
    }
    lines.push(String::new());
    if !given.others.is_empty() {
        lines.push("# Other options that were given.".to_owned());
        lines.extend(given.others.iter().cloned());
        lines.push(String::new());
    }
    lines.extend(stop(scenario, survey));
    lines.extend(
        [
            "",
            "# Losses depend on the moment of the signal: several runs find more.",
            "# repeat = 25",
            "# In CI: too little in flight to prove anything fails as well.",
            "# strict = true",
        ]
        .map(str::to_owned),
    );
    lines.join("\n") + "\n"
}

fn readiness(survey: &Survey) -> Vec<String> {
    let listens = format!("# The service listens on {}.", survey.listeners.join(", "));
    let ready = format!("ready = {}", quoted(&option(&survey.ready)));
    match &survey.ready {
        Ready::Http(_, path) => vec![
            listens,
            format!("# GET {path} was answered with 200 to 399."),
            ready,
            "# Fails when this path is not answered with 503 or so before the listener closes.".to_owned(),
            "# require-readiness = true".to_owned(),
        ],
        Ready::Port(_) | Ready::Managed => {
            vec![listens, "# None of the usual paths was answered with 200 to 399.".to_owned(), ready]
        }
    }
}

fn liveness(survey: &Survey) -> Vec<String> {
    let Some(path) = &survey.liveness else { return Vec::new() };
    vec![
        format!(
            "# GET {path} was answered with 200. Fails when it is not until the listener closes: an orchestrator would kill"
        ),
        "# the container in the middle of its drain.".to_owned(),
        format!("liveness = {}", quoted(path)),
    ]
}

fn load(survey: &Survey) -> Vec<String> {
    let is_port = matches!(survey.ready, Ready::Port(_));
    match (&survey.route, &survey.calls) {
        (None, Some(found)) if is_port || survey.has_load() => calls(survey, found),
        (None, None) if is_port => NO_HTTP.map(str::to_owned).into(),
        (_, found) => {
            let mut lines = routes(survey);
            lines.extend(found.iter().flat_map(|found| calls(survey, found)));
            lines
        }
    }
}

/// The load of a service that answers HTTP.
fn routes(survey: &Survey) -> Vec<String> {
    let mut lines = Vec::new();
    match &survey.route {
        Some(route) => {
            let place = place(route);
            let (get, open) = match survey.posts {
                true => (place.clone(), format!("POST:{place}")),
                false => (place.clone(), place),
            };
            lines.push(match survey.posts {
                true => "# Routes that were answered with 200 to 299, with GET and with POST.".to_owned(),
                false => "# A route that was answered with 200 to 299.".to_owned(),
            });
            lines.push(format!("url.storm = {}", quoted(&get)));
            lines.push(format!("url.keepalive = {}", quoted(&get)));
            lines.push(format!("url.open = {}", quoted(&open)));
        }
        None => {
            lines.extend(
                [
                    "# None of the usual paths was answered with 200 to 299, apart from pages about the state of the service, such as /status,",
                    "# which change at the signal: name routes of the service.",
                ]
                .map(str::to_owned),
            );
            lines.extend(["storm", "keepalive", "open"].map(|shape| format!("# url.{shape} = \"/path\"")));
        }
    }
    lines.push(
        "# A slow route keeps requests in flight at the signal; `{ms}` is the duration of a request."
            .to_owned(),
    );
    lines.push("# url.slow = \"/slow?ms={ms}\"".to_owned());
    lines
}

/// What the file says of the load of a service that answers no request of HTTP.
const NO_HTTP: [&str; 6] = [
    "# No request of HTTP was answered with 200 to 399: name what is sent, which is then the whole load.",
    "# Lines, each of which is answered by one line; the answer has to contain the number `{id}` of its line:",
    "# url.tcp = \"/PING {id}\"",
    "# Calls of gRPC; their messages need server reflection, or `protoset`:",
    "# url.keepalive = \"GRPC:/PACKAGE.SERVICE/METHOD\"",
    "# grpc-message = '{\"FIELD\": \"VALUE\"}'",
];

/// The route as `--url` has it, without its method.
fn place(route: &Route) -> String {
    match &route.target {
        Some(target) => target.url(&route.path),
        None => route.path.clone(),
    }
}

fn stop(scenario: &Scenario, survey: &Survey) -> Vec<String> {
    let signal = survey.signal.name();
    let mut lines: Vec<String> = survey
        .servers
        .iter()
        .map(|found| format!("# Recognised: {} ({}).", name(found.server), found.by))
        .collect();
    lines.push(
        "# The stop signal and the time until SIGKILL, as on your platform. Or `platform`, for its defaults."
            .to_owned(),
    );
    if survey.signal != StopSignal::TERM {
        lines.push(format!("# {signal} is the graceful stop of this server."));
    }
    lines.push(format!("signal = {}", quoted(signal.trim_start_matches("SIG"))));
    lines.push(format!("grace = {}", quoted(&format!("{}s", scenario.stop.grace.as_secs().max(1)))));
    let set = |expected: &str| format!("expect-exit = [{}]", quoted(expected));
    match survey.exit {
        Some((Ended::Code(0), after)) => {
            lines.push(format!(
                "# It exited with code 0 {} after {signal}, without load.",
                words::time(after)
            ));
            lines.push(set("0"));
        }
        Some((Ended::Code(code), after)) => {
            lines.push(format!(
                "# It exited with code {code} {} after {signal}, without load.",
                words::time(after)
            ));
            let is_usual = is_java(survey) && code == survey.signal.number().saturating_add(128);
            lines.push(if is_usual {
                set(&code.to_string())
            } else {
                format!("# {}", set(&code.to_string()))
            });
        }
        Some((Ended::Signal(by), after)) => {
            let by = if by == survey.signal.number() { signal.clone() } else { format!("signal {by}") };
            lines.push(format!("# It ended by {by} {} after {signal}, without load.", words::time(after)));
            let expected = set(&format!("signal:{}", signal.trim_start_matches("SIG")));
            lines.push(if raises_again(survey) {
                expected
            } else {
                format!("# Without a handler this is not a graceful stop. If it is intended:\n# {expected}")
            });
        }
        Some((Ended::NotObserved, _)) => {}
        None => lines.push(format!(
            "# It did not exit within {} after {signal}, without load, and was killed.",
            words::limit(scenario.stop.grace)
        )),
    }
    lines
}

/// Servers that shut down and then end by the signal.
fn raises_again(survey: &Survey) -> bool {
    survey.servers.iter().any(|found| matches!(found.server, ServerKind::Uvicorn | ServerKind::Puma))
}

fn is_java(survey: &Survey) -> bool {
    survey.servers.iter().any(|found| matches!(found.server, ServerKind::Spring | ServerKind::Tomcat))
}

fn name(server: ServerKind) -> String {
    serde_json::to_value(server).ok().and_then(|name| Some(name.as_str()?.to_owned())).unwrap_or_default()
}

/// A basic string of TOML, whose escapes JSON has as well.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
