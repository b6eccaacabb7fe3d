//! Variables that a command sets itself, or a template of its task, instead of those of the file.

use ebbtide_check::Report;

use crate::common::{check_all, check_text, shown};

const GUNICORN: &str = "GUNICORN_CMD_ARGS";
const SPRING: &str = "SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE";

/// Returns whether a budget does not fit.
fn overruns(report: &Report) -> bool {
    let budgets = ["C001", "E002", "K001", "M001", "N001", "P001", "P002", "P003", "Q001", "S001"];
    report.active().any(|finding| budgets.contains(&finding.rule.id))
}

/// A pod with 40 s and a variable.
fn pod(command: &str, name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  terminationGracePeriodSeconds: 40\n  containers:\n  \
         - {{name: web, image: shop, command: {command}, env: [{{name: {name}, value: '{value}'}}]}}\n"
    )
}

#[test]
fn a_variable_that_a_script_or_env_removes_or_sets_is_not_that_of_the_file() {
    for (name, value, server) in [
        (GUNICORN, "--graceful-timeout 60", "gunicorn a:b"),
        (SPRING, "60s", "java -jar a.jar"),
        ("JAVA_TOOL_OPTIONS", "-Dspring.lifecycle.timeout-per-shutdown-phase=60s", "java -jar a.jar"),
        ("DOTNET_SHUTDOWNTIMEOUTSECONDS", "60", "dotnet a.dll"),
        ("EBBTIDE_GRACE", "60s", "/app"),
    ] {
        for script in [
            "@NAME=x exec @SERVER",
            "export @NAME=x; exec @SERVER",
            "@NAME=x; export @NAME; exec @SERVER",
            "unset @NAME; exec @SERVER",
            "if a; then export @NAME='x y'; fi; exec @SERVER",
            "exec env @NAME=x @SERVER",
            "exec env -u @NAME @SERVER",
            "exec env -i @SERVER",
            ". ./vars; exec @SERVER",
        ] {
            let script = script.replace("@NAME", name).replace("@SERVER", server);
            let text = pod(&format!("[sh, -c, \"{script}\"]"), name, value);
            let report = check_text("pod.yaml", &text);
            assert!(!overruns(&report), "{text}\n{}", shown(&report));
        }
        let words = server.replace(' ', ", ");
        for words in [format!("[env, -u, {name}, {words}]"), format!("[/usr/bin/env, -i, A=1, {words}]")] {
            let report = check_text("pod.yaml", &pod(&words, name, value));
            assert!(!overruns(&report), "{words}\n{}", shown(&report));
        }
        for script in [
            "exec @SERVER",
            "export OTHER_NAME=x; exec @SERVER",
            "A=\\\"$@NAME\\\" exec @SERVER",
            "# @NAME=x\\nexec @SERVER",
            "exec env -u OTHER_NAME @SERVER",
        ] {
            let script = script.replace("@NAME", name).replace("@SERVER", server);
            let text = pod(&format!("[sh, -c, \"{script}\"]"), name, value);
            assert!(overruns(&check_text("pod.yaml", &text)), "{text}");
        }
    }
}

#[test]
fn a_variable_in_a_word_of_env_has_that_value_on_every_platform() {
    for (first, last) in [(60, 20), (20, 60)] {
        let own = |value: u32| format!("--graceful-timeout {value}");
        let texts = [
            (
                "pod.yaml",
                pod(
                    &format!("[env, -u, A_B, '{GUNICORN}={}', gunicorn, a]", own(last)),
                    GUNICORN,
                    &own(first),
                ),
            ),
            (
                "compose.yaml",
                format!(
                    "services:\n  web:\n    image: shop\n    stop_grace_period: 40s\n    environment: {{{GUNICORN}: {}}}\n    \
                     command: env {GUNICORN}=\"{}\" gunicorn a\n",
                    own(first),
                    own(last)
                ),
            ),
            (
                "task.json",
                format!(
                    "{{\"family\": \"web\", \"containerDefinitions\": [{{\"name\": \"web\", \"image\": \"shop\", \"stopTimeout\": 40, \
                     \"command\": [\"env\", \"{GUNICORN}={}\", \"gunicorn\", \"a\"], \
                     \"environment\": [{{\"name\": \"{GUNICORN}\", \"value\": \"{}\"}}]}}]}}",
                    own(last),
                    own(first)
                ),
            ),
            (
                "web.service",
                format!(
                    "[Service]\nTimeoutStopSec=40\nEnvironment='{GUNICORN}={}'\nExecStart=/usr/bin/env '{GUNICORN}={}' /bin/gunicorn a\n",
                    own(first),
                    own(last)
                ),
            ),
        ];
        for (name, text) in &texts {
            let report = check_text(name, text);
            assert_eq!(overruns(&report), last == 60, "{text}\n{}", shown(&report));
        }
    }
}

/// gunicorn has a default, which does not fit in 30 s.
#[test]
fn no_default_stands_in_for_what_the_command_sets() {
    let text = |script: &str| {
        format!(
            "services:\n  web:\n    image: shop\n    stop_grace_period: 30s\n    entrypoint: [sh, -c, \"{script}\"]\n"
        )
    };
    for begin in ["GUNICORN_CMD_ARGS=x", "export GUNICORN_CMD_ARGS=x;", "eval x;", "exec env -i"] {
        let text = text(&format!("{begin} exec gunicorn a").replace("-i exec", "-i"));
        let report = check_text("compose.yaml", &text);
        assert!(!overruns(&report), "{text}\n{}", shown(&report));
    }
    for begin in ["", "A_B=x", "export A_B=x;"] {
        let text = text(&format!("{begin} exec gunicorn a"));
        assert!(overruns(&check_text("compose.yaml", &text)), "{text}");
    }
}

#[test]
fn the_kubelet_replaces_words_before_the_command_sets_a_variable() {
    let command = |flag: &str| format!("[env, T_S=20, gunicorn, --graceful-timeout, {flag}, a]");
    assert!(overruns(&check_text("pod.yaml", &pod(&command("$(T_S)"), "T_S", "60"))));
    assert!(!overruns(&check_text("pod.yaml", &pod(&command("$(T_S)"), "T_S", "20"))));
}

#[test]
fn a_variable_that_the_entry_script_of_the_image_sets_is_not_that_of_the_image_or_a_service() {
    let image = format!(
        "FROM python:3.12\nENV {GUNICORN}=\"--graceful-timeout 60\"\nCOPY entrypoint.sh /\nENTRYPOINT [\"/entrypoint.sh\"]\n\
         CMD [\"gunicorn\", \"a:b\"]\n"
    );
    let service = "services:\n  web:\n    build: .\n    stop_grace_period: 40s\n";
    for (line, service, expected) in [
        ("export GUNICORN_CMD_ARGS='--graceful-timeout 10'", service.to_owned(), false),
        (
            "export GUNICORN_CMD_ARGS=x",
            format!("{service}    environment: {{{GUNICORN}: '--graceful-timeout 90'}}\n"),
            false,
        ),
        ("export GUNICORN_CMD_ARGS=x", format!("{service}    command: gunicorn c:d\n"), false),
        ("export GUNICORN_CMD_ARGS=x", format!("{service}    entrypoint: gunicorn c:d\n"), true),
        ("export A_B=x", service.to_owned(), true),
    ] {
        let script = format!("#!/bin/sh\n{line}\nexec \"$@\"\n");
        let report =
            check_all(&[("Dockerfile", &image), ("entrypoint.sh", &script), ("compose.yaml", &service)]);
        assert_eq!(overruns(&report), expected, "{script}{service}{}", shown(&report));
    }
}

#[test]
fn a_template_of_a_task_replaces_its_variables() {
    for (value, template, expected) in [
        (60, "", true),
        (60, "data = \"GUNICORN_CMD_ARGS=--graceful-timeout 20\"\n env = true", false),
        (20, "data = \"GUNICORN_CMD_ARGS=--graceful-timeout 60\"\n env = true", true),
        (20, "data = \"GUNICORN_CMD_ARGS=--graceful-timeout 60\"\n env = false", false),
        (60, "env = true\n data = <<EOH\nA=1\n  GUNICORN_CMD_ARGS=\"--graceful-timeout 20\"\nEOH\n", false),
        (60, "env = true\n data = <<EOH\nGUNICORN_CMD_ARGS={{ key \"a\" }}\nEOH\n", false),
        (60, "env = true\n data = <<EOH\nGUNICORN_CMD_ARGS=${var.a}\nEOH\n", false),
        (60, "env = true\n data = <<EOH\n{{ key \"a\" }}\nEOH\n", false),
        (60, "env = true\n data = <<EOH\n{{ with a }}GUNICORN_CMD_ARGS=x{{ end }}\nEOH\n", false),
        (60, "env = true\n source = \"a.tpl\"", false),
        (60, "env = true\n data = file(\"a.tpl\")", false),
        // One that cannot set it.
        (60, "env = true\n data = <<EOH\n{{- with secret \"a\" }}\nB={{ .Data.b }}\n{{ end -}}\nEOH\n", true),
        (60, "env = false\n source = \"a.tpl\"", true),
        (60, "source = \"a.tpl\"", true),
    ] {
        let text = format!(
            "job \"w\" {{\n  group \"w\" {{\n    task \"w\" {{\n      driver = \"exec\"\n      kill_timeout = \"40s\"\n      kill_signal = \"SIGTERM\"\n      \
             env {{\n        GUNICORN_CMD_ARGS = \"--graceful-timeout {value}\"\n      }}\n      template {{\n {template}\n      }}\n      \
             config {{\n        command = \"gunicorn\"\n        args = [\"a:b\"]\n      }}\n    }}\n  }}\n}}\n"
        );
        let report = check_text("w.nomad.hcl", &text);
        assert_eq!(overruns(&report), expected, "{text}\n{}", shown(&report));
    }
}
