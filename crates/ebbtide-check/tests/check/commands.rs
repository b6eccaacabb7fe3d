//! Which flags and variables of a command count, on every platform.

use ebbtide_check::{Options, Severity, fix};

use crate::common::{check_all, check_text, ids, shown};

/// The sums of the findings about budgets that are errors.
fn errors(name: &str, text: &str) -> Vec<&'static str> {
    let report = check_text(name, text);
    let budgets = ["C001", "E002", "K001", "M001", "N001", "P001", "P002", "P003", "Q001", "S001"];
    let found = report.active().filter(|finding| finding.severity == Severity::Error);
    found.map(|finding| finding.rule.id).filter(|id| budgets.contains(id)).collect()
}

fn unit(lines: &str) -> String {
    format!("[Service]\nTimeoutStopSec=30\n{lines}")
}

fn pod(container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - {{name: web, image: shop, {container}}}\n"
    )
}

fn compose(lines: &str) -> String {
    format!("services:\n  web:\n    image: shop\n    stop_grace_period: 30s\n{lines}")
}

#[test]
fn the_last_of_two_flags_counts_in_each_format() {
    for (first, last, expected) in [(60, 20, false), (20, 60, true)] {
        let flags = format!("--graceful-timeout {first} --graceful-timeout {last}");
        let found = [
            errors("web.service", &unit(&format!("ExecStart=/usr/bin/gunicorn {flags} a\n"))),
            errors(
                "pod.yaml",
                &pod(&format!(
                    "command: [gunicorn, --graceful-timeout, '{first}'], args: [--graceful-timeout, '{last}']"
                )),
            ),
            errors(
                "compose.yaml",
                &compose(&format!(
                    "    entrypoint: gunicorn --graceful-timeout {first}\n    command: --graceful-timeout {last} a\n"
                )),
            ),
            errors("Procfile", &format!("web: gunicorn {flags} a\n")),
            errors(
                "web.container",
                &format!("[Container]\nImage=shop\nStopTimeout=30\nExec=gunicorn {flags} a\n"),
            ),
        ];
        assert!(found.iter().all(|found| found.is_empty() != expected), "{found:?}");
    }
}

#[test]
fn the_last_of_two_variables_counts_in_each_format() {
    for (first, last, expected) in [(60, 20, false), (20, 60, true)] {
        let variable = |value: u32| format!("GUNICORN_CMD_ARGS=--graceful-timeout {value}");
        let name = "GUNICORN_CMD_ARGS";
        let found = [
            errors(
                "web.service",
                &unit(&format!(
                    "ExecStart=/usr/bin/gunicorn a\nEnvironment='{}'\nEnvironment='{}'\n",
                    variable(first),
                    variable(last)
                )),
            ),
            errors(
                "pod.yaml",
                &pod(&format!(
                    "command: [gunicorn], env: [{{name: {name}, value: '--graceful-timeout {first}'}}, {{name: {name}, value: '--graceful-timeout {last}'}}]"
                )),
            ),
            errors(
                "compose.yaml",
                &compose(&format!(
                    "    command: gunicorn a\n    environment:\n    - {}\n    - {}\n",
                    variable(first),
                    variable(last)
                )),
            ),
            errors(
                "task.json",
                &format!(
                    "{{\"family\": \"web\", \"containerDefinitions\": [{{\"name\": \"web\", \"image\": \"shop\", \"command\": [\"gunicorn\", \"a\"], \
                     \"environment\": [{{\"name\": \"{name}\", \"value\": \"--graceful-timeout {first}\"}}, {{\"name\": \"{name}\", \"value\": \"--graceful-timeout {last}\"}}]}}]}}"
                ),
            ),
            errors(
                "web.container",
                &format!(
                    "[Container]\nImage=shop\nStopTimeout=30\nExec=gunicorn a\nEnvironment='{}'\nEnvironment='{}'\n",
                    variable(first),
                    variable(last)
                ),
            ),
        ];
        assert!(found.iter().all(|found| found.is_empty() != expected), "{found:?}");
    }
    // The last one is only known at the deploy.
    let secret = "command: [gunicorn], env: [{name: GUNICORN_CMD_ARGS, value: '--graceful-timeout 60'}, \
                  {name: GUNICORN_CMD_ARGS, valueFrom: {configMapKeyRef: {name: a, key: b}}}]";
    assert_eq!(errors("pod.yaml", &pod(secret)), [""; 0]);
}

#[test]
fn a_variable_of_a_server_counts_unless_another_program_runs() {
    let variable = "environment: {SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE: 60s}";
    for (image, command, expected) in [
        ("shop", "[java, -jar, a.jar]", true),
        ("shop", "[]", true),
        ("node:20", "[node, a.js]", false),
        ("shop", "node server.js", false),
        ("redis:7", "[]", false),
        ("node:20", "[]", false),
        ("shop", "python beat.py", false),
    ] {
        let command = if command == "[]" { String::new() } else { format!("    command: {command}\n") };
        let text = format!(
            "services:\n  web:\n    image: {image}\n    stop_grace_period: 30s\n    {variable}\n{command}"
        );
        let found = errors("compose.yaml", &text);
        assert_eq!(!found.is_empty(), expected, "{image} {command}");
    }
}

/// The server is stopped by a signal at which it does not drain: that is the finding, and no grace period helps.
#[test]
fn a_drain_counts_only_under_a_signal_that_begins_it() {
    let nginx = "-g 'daemon off; worker_shutdown_timeout 120s;'";
    let gunicorn = "gunicorn --graceful-timeout 120 a";
    let nomad = |kill: &str, args: &str| {
        format!(
            "job \"w\" {{\n  group \"w\" {{\n    task \"w\" {{\n      driver = \"exec\"\n      {kill}\n      config {{\n        command = \"/bin/sh\"\n        args = [\"-c\", \"exec {args}\"]\n      }}\n    }}\n  }}\n}}\n"
        )
    };
    let lifecycle = |signal: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  os: {{name: linux}}\n  containers:\n  - name: web\n    image: shop\n    \
             lifecycle: {{stopSignal: {signal}}}\n    command: [nginx, -g, 'worker_shutdown_timeout 120s;']\n"
        )
    };
    for (name, text, expected) in [
        ("a.service", format!("[Service]\nExecStart=/usr/sbin/nginx {nginx}\n"), &["S005"][..]),
        (
            "a.service",
            format!("[Service]\nExecStart=/usr/sbin/nginx {nginx}\nKillSignal=SIGQUIT\n"),
            &["S001"],
        ),
        ("a.service", format!("[Service]\nExecStart=/usr/bin/{gunicorn}\n"), &["S001"]),
        (
            "a.service",
            format!("[Service]\nExecStart=/usr/bin/{gunicorn}\nKillSignal=SIGINT\nKillMode=mixed\n"),
            &["S005"],
        ),
        (
            "a.service",
            format!("[Service]\nExecStart=/usr/bin/{gunicorn}\nKillSignal=3\nKillMode=mixed\n"),
            &["S005"],
        ),
        (
            "a.service",
            "[Service]\nExecStart=/usr/bin/uvicorn --timeout-graceful-shutdown 120 a\nKillSignal=SIGINT\n"
                .to_owned(),
            &["S001"],
        ),
        (
            "compose.yaml",
            format!(
                "services:\n  w:\n    image: shop\n    command: nginx {nginx}\n    stop_signal: SIGTERM\n"
            ),
            &["C003"],
        ),
        (
            "compose.yaml",
            format!("services:\n  w:\n    image: nginx:1.27\n    command: nginx {nginx}\n"),
            &["C001"],
        ),
        (
            "compose.yaml",
            format!("services:\n  w:\n    image: shop\n    command: {gunicorn}\n    stop_signal: SIGKILL\n"),
            &["C003"],
        ),
        (
            "fly.toml",
            format!("app = \"w\"\nprimary_region = \"ams\"\n[processes]\n  w = \"{gunicorn}\"\n"),
            &["P004"],
        ),
        (
            "fly.toml",
            format!(
                "app = \"w\"\nprimary_region = \"ams\"\nkill_signal = \"SIGTERM\"\n[processes]\n  w = \"{gunicorn}\"\n"
            ),
            &["P001"],
        ),
        ("a.nomad", nomad("", gunicorn), &["N005"]),
        ("a.nomad", nomad("kill_signal = \"SIGTERM\"", gunicorn), &["N001"]),
        ("pod.yaml", lifecycle("SIGTERM"), &["K012"]),
        ("pod.yaml", lifecycle("SIGQUIT"), &["K001"]),
    ] {
        let report = check_text(name, &text);
        let found: Vec<_> = ids(&report).into_iter().filter(|id| *id != "S004").collect();
        assert_eq!(found, expected, "{text}{}", shown(&report));
    }
    let unit = format!("[Service]\nExecStart=/usr/sbin/nginx {nginx}\n");
    let fixed = fix(check_text("a.service", &unit), &Options::default(), Severity::Info);
    assert!(!fixed.report.sources.iter().next().unwrap().1.text().contains("TimeoutStopSec"));
}

#[test]
fn the_signal_of_the_image_that_is_built_decides_whether_its_server_drains() {
    let compose = "services:\n  w:\n    build: .\n";
    let image = |from: &str, signal: &str| {
        format!(
            "FROM {from}\n{signal}CMD [\"nginx\", \"-g\", \"daemon off; worker_shutdown_timeout 120s;\"]\n"
        )
    };
    let installed = "debian:12\nRUN apt-get install -y nginx";
    for (dockerfile, expected) in [
        (image("nginx:1.27", ""), &["C001"][..]),
        (image("nginx:1.27", "STOPSIGNAL SIGTERM\n"), &["D007"]),
        (image(installed, ""), &["D007"]),
        (image(installed, "STOPSIGNAL SIGQUIT\n"), &["C001"]),
    ] {
        let report = check_all(&[("compose.yaml", compose), ("Dockerfile", &dockerfile)]);
        assert_eq!(ids(&report), expected, "{dockerfile}{}", shown(&report));
    }
    let gunicorn = |signal: &str| {
        format!("FROM python:3.12\n{signal}CMD [\"gunicorn\", \"--graceful-timeout\", \"120\", \"a\"]\n")
    };
    let check =
        |signal: &str| ids(&check_all(&[("compose.yaml", compose), ("Dockerfile", &gunicorn(signal))]));
    assert_eq!(check(""), ["C001"]);
    assert_eq!(check("STOPSIGNAL SIGQUIT\n"), ["D007"]);
}

#[test]
fn a_stop_command_before_a_signal_that_changes_nothing_is_left_alone() {
    let unit = |signal: &str| {
        let text = format!(
            "[Service]\nExecStart=/usr/sbin/apache2 -DFOREGROUND\nExecStop=/bin/kill -WINCH $MAINPID\nKillMode=mixed\n{signal}"
        );
        ids(&check_text("a.service", &text)).into_iter().filter(|id| *id == "S006").collect::<Vec<_>>()
    };
    assert_eq!(unit("KillSignal=SIGCONT\n"), [""; 0]);
    assert_eq!(unit("KillSignal=18\n"), [""; 0]);
    assert_eq!(unit(""), ["S006"]);
    assert_eq!(unit("KillSignal=SIGTERM\n"), ["S006"]);
}

#[test]
fn the_time_for_which_traefik_accepts_requests_is_a_lame_duck() {
    let option = "'--entrypoints.web.transport.lifecycle.requestacceptgracetimeout=60s'";
    let service =
        |grace: &str| format!("services:\n  w:\n    image: traefik:v3.1\n    command: [{option}]\n{grace}");
    let report = check_text("compose.yaml", &service(""));
    assert_eq!(ids(&report), ["C001"], "{}", shown(&report));
    assert!(
        shown(&report).contains("60 (drain, from the lame duck) + 2 (margin) = 62 > 10"),
        "{}",
        shown(&report)
    );
    let report = check_text("compose.yaml", &service("    stop_grace_period: 75s\n"));
    assert_eq!(ids(&report), [""; 0], "{}", shown(&report));
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: w}}\nspec:\n  containers: [{{name: w, image: 'traefik:v3.1', args: [{option}]}}]\n"
    );
    assert_eq!(ids(&check_text("pod.yaml", &pod)), ["K001"]);
}

#[test]
fn a_value_with_which_a_server_does_not_start_cannot_be_read() {
    let problems = |command: &str| {
        let report = check_text(
            "compose.yaml",
            &format!("services:\n  w:\n    image: shop\n    command: {command}\n"),
        );
        let problems: Vec<String> = report.problems.iter().map(|problem| problem.message.clone()).collect();
        (problems.join("; "), ids(&report).len())
    };
    for (command, name, expected) in [
        ("gunicorn --graceful-timeout 60s a", "--graceful-timeout", "whole number of seconds"),
        ("gunicorn --graceful-timeout -1 a", "--graceful-timeout", "whole number of seconds"),
        (
            "gunicorn --graceful-timeout 60s --graceful-timeout 5 a",
            "--graceful-timeout",
            "whole number of seconds",
        ),
        (
            "uvicorn --timeout-graceful-shutdown 1m a",
            "--timeout-graceful-shutdown",
            "whole number of seconds",
        ),
        ("bundle exec sidekiq -t 60s", "-t", "whole number of seconds"),
        (
            "java -Dspring.lifecycle.timeout-per-shutdown-phase=1m30s -jar a",
            "-Dspring.lifecycle.timeout-per-shutdown-phase",
            "one unit",
        ),
    ] {
        let (problems, findings) = problems(command);
        assert!(
            problems.contains(&format!("of {name}: expected a")) && problems.contains(expected),
            "{command}: {problems}"
        );
        assert_eq!(findings, 0, "{command}");
    }
    assert_eq!(problems("gunicorn --graceful-timeout '$$T' a").0, "");
    assert_eq!(problems("node a.js --graceful-timeout 60s").0, "");
}

#[test]
fn the_kubelet_replaces_the_variables_of_a_command() {
    let container = |env: &str| pod(&format!("command: [gunicorn, --graceful-timeout, $(GT)], env: [{env}]"));
    assert_eq!(errors("pod.yaml", &container("{name: GT, value: '60'}")), ["K001"]);
    assert_eq!(errors("pod.yaml", &container("{name: GT, value: '20'}")), [""; 0]);
    assert_eq!(errors("pod.yaml", &container("{name: OTHER, value: '60'}")), [""; 0]);
    let secret = "{name: GT, valueFrom: {secretKeyRef: {name: a, key: b}}}";
    assert_eq!(errors("pod.yaml", &container(secret)), [""; 0]);
}

#[test]
fn a_command_that_serves_nothing_is_not_to_be_executed() {
    let help = |run: &str| {
        let report = check_text("Dockerfile", &format!("FROM debian\nCMD {run}\n"));
        report.active().find(|finding| finding.rule.id == "D001").unwrap().remedy.clone()
    };
    for run in [
        "service nginx start && tail -f /var/log/nginx/access.log",
        "cron; sleep infinity & tail -F /var/log/cron",
    ] {
        assert!(help(run).starts_with("run the program in the foreground"), "{}", help(run));
    }
    assert!(help("cron && ./serve").starts_with("begin the last command with `exec`"));
    assert!(help("./serve | tee /log").starts_with("let the program be the last command"));
}

/// Heroku and Render give the line to a shell.
#[test]
fn a_line_that_a_shell_runs_is_read_as_a_script() {
    let render = |command: &str| {
        format!("services:\n- {{type: web, name: w, runtime: python, startCommand: '{command}'}}\n")
    };
    for (command, expected) in [
        ("cd app && gunicorn --graceful-timeout 60 a", true),
        ("echo gunicorn --graceful-timeout 60; exec node a.js", false),
        ("gunicorn --check-config --graceful-timeout 60 a && gunicorn --graceful-timeout 10 a", false),
    ] {
        let found =
            [errors("Procfile", &format!("web: {command}\n")), errors("render.yaml", &render(command))];
        assert!(found.iter().all(|found| found.is_empty() != expected), "{command}: {found:?}");
    }
}
