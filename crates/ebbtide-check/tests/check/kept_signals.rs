//! Where a shell keeps the stop signal from a program, the program does not drain: the finding is the shell, and no grace period would help.

use crate::common::{check_all, check_text, ids, shown};

/// A file for each platform with a command that is `@@`, and the rules of the shell and of the sum.
const FILES: [(&str, &str, &str, &str); 8] = [
    (
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec:\n  terminationGracePeriodSeconds: 30\n  containers: [{name: api, image: api, command: [sh, -c, \
         '@@']}]\n",
        "K009",
        "K001",
    ),
    ("compose.yaml", "services:\n  api:\n    image: api\n    command: [sh, -c, '@@']\n", "D002", "C001"),
    (
        "compose.yaml",
        "services:\n  api:\n    image: api\n    init: true\n    command: [sh, -c, '@@']\n",
        "D008",
        "C001",
    ),
    (
        "task.json",
        "{\"containerDefinitions\": [{\"name\": \"api\", \"image\": \"api\", \"command\": [\"sh\", \"-c\", \"@@\"]}]}",
        "E013",
        "E002",
    ),
    (
        "api.service",
        "[Service]\nKillMode=mixed\nTimeoutStopSec=10\nExecStart=/bin/sh -c \"@@\"\n",
        "S008",
        "S001",
    ),
    ("api.container", "[Container]\nImage=api\nExec=sh -c \"@@\"\n", "D002", "Q001"),
    (
        "api.nomad",
        "job \"api\" {\n  group \"api\" {\n    task \"api\" {\n      driver = \"docker\"\n      config {\n        image = \"api\"\n        command = \"sh\"\n        args = \
         [\"-c\", \"@@\"]\n      }\n    }\n  }\n}\n",
        "N006",
        "N001",
    ),
    (
        "config/deploy.yml",
        "service: api\nimage: api\nservers:\n  web:\n    hosts: [a]\n    cmd: sh -c \"@@\"\n",
        "D002",
        "M001",
    ),
];

#[test]
fn a_program_that_does_not_receive_the_signal_has_no_drain() {
    for (name, text, shell, sum) in FILES {
        let found = |command: &str| check_text(name, &text.replace("@@", command));
        let kept = found("gunicorn --graceful-timeout 60 a:b | tee x");
        assert!(ids(&kept).contains(&shell) && !ids(&kept).contains(&sum), "{name}\n{}", shown(&kept));
        let received = found("exec gunicorn --graceful-timeout 60 a:b");
        assert!(
            !ids(&received).contains(&shell) && ids(&received).contains(&sum),
            "{name}\n{}",
            shown(&received)
        );
    }
}

/// What systemd, Heroku or a shared process namespace signals is every process.
#[test]
fn a_program_that_receives_the_signal_beside_its_shell_drains() {
    let (name, text, ..) = FILES[4];
    let report = check_text(
        name,
        &text.replace("@@", "gunicorn --graceful-timeout 60 a:b | tee x").replace("KillMode=mixed\n", ""),
    );
    assert!(ids(&report).contains(&"S001"), "{}", shown(&report));
}

/// Of a shell that is not known it is not certain.
#[test]
fn a_shell_that_may_be_replaced_leaves_the_drain() {
    let (name, text, shell, sum) = FILES[0];
    let text = text.replace("@@", "gunicorn --graceful-timeout 60 a:b");
    let report = check_text(name, &text);
    assert!(ids(&report).contains(&shell) && ids(&report).contains(&sum), "{}", shown(&report));
    let debian = check_text(name, &text.replace("image: api", "image: \"debian:12\""));
    assert!(ids(&debian).contains(&shell) && !ids(&debian).contains(&sum), "{}", shown(&debian));
}

#[test]
fn the_shell_of_an_image_that_is_built_keeps_the_signal_too() {
    let skaffold =
        "apiVersion: skaffold/v4beta6\nkind: Config\nbuild:\n  artifacts:\n  - image: api\n    context: .\n";
    let pod =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec:\n  containers: [{name: api, image: api}]\n";
    let compose = "services:\n  api:\n    build: .\n";
    let server = "gunicorn --graceful-timeout 60 a:b";
    let words = "[\"gunicorn\", \"--graceful-timeout\", \"60\", \"a:b\"]";
    let by_script = format!("ENTRYPOINT [\"/start.sh\"]\nCMD {words}");
    for (command, script, drains) in [
        (format!("CMD {server} | tee x"), "", false),
        (format!("CMD exec {server}"), "", true),
        (by_script.clone(), "\"$@\"", false),
        (by_script, "exec \"$@\"", true),
    ] {
        let dockerfile = format!("FROM debian:12\nCOPY start.sh /\n{command}\n");
        let script = format!("#!/bin/sh\n{script}\n");
        for (first, sum) in [(("skaffold.yaml", skaffold), "K001"), (("compose.yaml", compose), "C001")] {
            let report =
                check_all(&[first, ("pod.yaml", pod), ("Dockerfile", &dockerfile), ("start.sh", &script)]);
            assert_eq!(ids(&report).contains(&sum), drains, "{command} {script}\n{}", shown(&report));
        }
    }
}

/// What Render has in front of a program is not known: whether its shell stays or ends, the program does not drain.
#[test]
fn a_program_behind_a_shell_on_render_has_no_drain() {
    let blueprint = "services:\n  - {type: web, name: api, runtime: docker, dockerfilePath: ./Dockerfile}\n";
    let found = |command: &str| {
        let image =
            format!("FROM python:3.13-slim\nENV GUNICORN_CMD_ARGS='--graceful-timeout 90'\nCMD {command}\n");
        ids(&check_all(&[("render.yaml", blueprint), ("Dockerfile", &image)]))
    };
    assert_eq!(found("cd /srv && gunicorn app:app"), ["D001"]);
    assert_eq!(found("cd /srv && exec gunicorn app:app"), ["P003"]);
}

/// SIGKILL begins no drain. Another rule says that it is the wrong signal.
#[test]
fn a_program_that_is_stopped_by_sigkill_has_no_drain() {
    for (name, text, sum, signal) in [
        (
            "api.service",
            "[Service]\nExecStart=/bin/api\nX-EbbtideDrain=120s\nTimeoutStopSec=20\nKillSignal=@@\n",
            "S001",
            "S005",
        ),
        (
            "compose.yaml",
            "services:\n  api: {image: api, stop_signal: @@, labels: {ebbtide.dev/drain: 60s}}\n",
            "C001",
            "C003",
        ),
    ] {
        let found = |signal: &str| ids(&check_text(name, &text.replace("@@", signal)));
        assert!(found("SIGTERM").contains(&sum) && !found("SIGTERM").contains(&signal), "{name}");
        assert!(!found("SIGKILL").contains(&sum) && found("SIGKILL").contains(&signal), "{name}");
    }
}
