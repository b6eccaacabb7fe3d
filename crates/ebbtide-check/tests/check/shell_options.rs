//! The script of a shell among its options, in every format that has commands.

use ebbtide_check::{Options, Report, Severity, fix};

use crate::common::{check_text, ids, shown};

/// A file of each format that runs these words, with the rule about a shell that stays.
fn files(words: &[&str]) -> [(&'static str, String, &'static str); 14] {
    let list = format!("[{}]", words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "));
    let line =
        words.iter().map(|word| if word.contains(' ') { format!("'{word}'") } else { (*word).to_owned() });
    let line = line.collect::<Vec<_>>().join(" ");
    let (program, rest) = list.split_once(", ").unwrap();
    let program = program.trim_start_matches('[');
    [
        (
            "pod.yaml",
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: api}}\nspec:\n  containers:\n  - name: api\n    image: api\n    command: {list}\n"
            ),
            "K009",
        ),
        ("compose.yaml", format!("services:\n  api:\n    image: api\n    command: {list}\n"), "D002"),
        ("compose.yaml", format!("services:\n  api:\n    image: api\n    entrypoint: {line}\n"), "D002"),
        ("Dockerfile", format!("FROM debian\nENTRYPOINT {list}\n"), "D002"),
        (
            "task.json",
            format!(
                "{{\"family\": \"api\", \"containerDefinitions\": [{{\"name\": \"api\", \"image\": \"api\", \"command\": {list}}}]}}"
            ),
            "E013",
        ),
        ("api.container", format!("[Container]\nImage=api\nExec={line}\n"), "D002"),
        (
            "config/deploy.yml",
            format!("service: api\nimage: api\nservers:\n  web:\n    hosts: [10.0.0.1]\n    cmd: {line}\n"),
            "D002",
        ),
        (
            "api.nomad",
            format!(
                "job \"api\" {{\n  group \"api\" {{\n    task \"api\" {{\n      driver = \"exec\"\n      config {{\n        command = {program}\n        args = [{rest}\n      }}\n    }}\n  }}\n}}\n"
            ),
            "N006",
        ),
        ("knative.yaml", knative("", &list), "K009"),
        ("cloud-run.yaml", knative(", annotations: {run.googleapis.com/ingress: all}", &list), "K009"),
        (
            "app.json",
            format!(
                "{{\"type\": \"Microsoft.App/containerApps\", \"name\": \"api\", \"properties\": {{\"template\": {{\"containers\": [{{\"name\": \"api\", \"command\": {list}}}]}}}}}}"
            ),
            "K009",
        ),
        (
            "main.tf",
            format!(
                "resource \"google_cloud_run_v2_service\" \"api\" {{\n  template {{\n    containers {{\n      image = \"api\"\n      command = {list}\n    }}\n  }}\n}}\n"
            ),
            "K009",
        ),
        (
            "fly.toml",
            format!("app = \"api\"\nprimary_region = \"ams\"\n[processes]\n  api = \"{line}\"\n"),
            "P004",
        ),
        ("api.service", format!("[Service]\nType=notify\nExecStart=/bin/{line}\n"), "S008"),
    ]
}

fn knative(metadata: &str, command: &str) -> String {
    format!(
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: api{metadata}}}\nspec:\n  template:\n    spec:\n      containers:\n      - \
         image: api\n        command: {command}\n"
    )
}

/// The words before a script that are the same as `sh -c`.
const SHELLS: [&[&str]; 8] = [
    &["sh", "-c"],
    &["sh", "-c", "--"],
    &["sh", "-c", "-e"],
    &["sh", "-c", "-x", "-u"],
    &["sh", "-ec", "--"],
    &["bash", "-o", "pipefail", "-c"],
    &["bash", "-eo", "pipefail", "-c"],
    &["bash", "-o", "pipefail", "-c", "--"],
];

fn with_script(shell: &[&'static str], script: &'static str) -> Vec<&'static str> {
    shell.iter().copied().chain([script]).collect()
}

#[test]
fn the_options_of_a_shell_are_not_its_script() {
    for shell in SHELLS {
        for (name, text, rule) in files(&with_script(shell, "./a | ./b")) {
            let report = check_text(name, &text);
            assert!(ids(&report).contains(&rule), "{text}{}", shown(&report));
        }
        for (name, text, rule) in files(&with_script(shell, "exec ./a")) {
            let report = check_text(name, &text);
            assert!(!ids(&report).contains(&rule), "{text}{}", shown(&report));
            assert!(report.findings.iter().all(|finding| finding.fix.is_none()), "{text}{}", shown(&report));
        }
    }
}

#[test]
fn a_fix_changes_the_script_and_no_option() {
    let mut changed = 0;
    for shell in SHELLS {
        let words = with_script(shell, "./migrate; ./a");
        for ((name, text, _), (_, expected, _)) in
            files(&words).into_iter().zip(files(&with_script(shell, "./migrate; exec ./a")))
        {
            let fixed = fix(
                check_text(name, &text),
                &Options { select: shells(), ..Options::default() },
                Severity::Info,
            );
            let (_, source) = fixed.report.sources.iter().next().unwrap();
            assert!([text.as_str(), expected.as_str()].contains(&source.text()), "{}", source.text());
            changed += usize::from(source.text() == expected);
        }
    }
    assert!(changed >= SHELLS.len(), "{changed}");
}

fn shells() -> Vec<String> {
    ["K009", "D002", "E013", "N006", "P004", "S008"].map(str::to_owned).to_vec()
}

#[test]
fn the_arguments_of_a_pod_have_the_script_of_its_command() {
    let pod = |args: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: api}}\nspec:\n  containers:\n  - name: api\n    image: api\n    \
             command: [\"/bin/sh\", \"-c\", \"--\"]\n    args: [\"{args}\"]\n"
        )
    };
    for (args, is_found) in
        [("exec ./server", false), ("while true; do sleep 30; done;", false), ("./server; true", true)]
    {
        let report = check_text("pod.yaml", &pod(args));
        assert_eq!(ids(&report).contains(&"K009"), is_found, "{}", shown(&report));
    }
}

#[test]
fn the_sleep_of_a_hook_is_found_behind_the_options_of_its_shell() {
    for shell in SHELLS {
        let hook = format!("[{}, \"sleep 35\"]", shell.join(", "));
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: api}}\nspec:\n  containers:\n  - name: api\n    image: api\n    \
             lifecycle: {{preStop: {{exec: {{command: {hook}}}}}}}\n"
        );
        assert!(ids(&check_text("pod.yaml", &text)).contains(&"K002"), "{text}");
    }
}

/// A task definition of a template with this entry point and this command.
fn task(entry_point: &str, command: &str) -> Report {
    let text = format!(
        "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n      - Name: api\n        \
         Image: api\n        EntryPoint: {entry_point}\n        Command: {command}\n"
    );
    check_text("template.yaml", &text)
}

#[test]
fn what_a_function_of_cloudformation_returns_is_no_script() {
    for value in [
        "!Split [\",\", !Ref P]",
        "!Split [\"a | b\", !Ref P]",
        "!If [C, [a], [b]]",
        "!If [C, \"a | b\", !Ref AWS::NoValue]",
        "!Join [\"a; b\", [c, d]]",
        "!FindInMap [A, B, \"c; d\"]",
        "!GetAtt [A, B]",
        "!Cidr [a, 2, 5]",
        "!Select [0, [a]]",
        "!GetAZs a",
        "!Sub [\"${A}; b\", {A: c}]",
        "!Ref P",
        "!ImportValue a",
        "{Ref: P}",
        "{\"Fn::Split\": [\",\", {Ref: P}]}",
        "{\"Fn::If\": [C, [a], [b]]}",
        "[!Sub \"${A}; b\"]",
        "[!Select [0, [a]], \"b; c\"]",
        "[{Ref: P}, \"b; c\"]",
        "[!Join [\" \", [a, b]], \"b; c\"]",
    ] {
        let report = task("[sh, -c]", value);
        assert!(!ids(&report).contains(&"E013"), "{value}{}", shown(&report));
        assert!(report.findings.iter().all(|finding| finding.fix.is_none()), "{value}{}", shown(&report));
        // As the entry point it is not known, and what follows is its argument.
        assert!(!ids(&task(value, "[sh, -c, \"a; b\"]")).contains(&"E013"), "{value}");
    }
    assert!(ids(&task("[sh, -c]", "[\"a; b\"]")).contains(&"E013"));
    assert!(ids(&task("[sh, -c, \"a; b\"]", "!Split [\",\", !Ref P]")).contains(&"E013"));
}

#[test]
fn the_shell_form_of_an_image_behind_its_init_is_a_shell() {
    for (lines, is_found) in [
        ("ENTRYPOINT [\"tini\", \"--\"]\nCMD ./a | ./b", true),
        ("SHELL [\"/bin/bash\", \"-c\"]\nENTRYPOINT [\"tini\", \"--\"]\nCMD ./a; true", true),
        ("ENTRYPOINT [\"tini\", \"--\"]\nCMD exec ./a", false),
        ("ENTRYPOINT [\"tini\", \"--\"]\nCMD [\"./a\", \"./b; true\"]", false),
    ] {
        let report = check_text("Dockerfile", &format!("FROM debian\n{lines}\n"));
        assert_eq!(ids(&report).contains(&"D008"), is_found, "{lines}\n{}", shown(&report));
    }
}

/// Only one shell of the table stays, and it is not known which one the image has; bash replaces itself.
#[test]
fn a_shell_in_front_on_fly_depends_on_the_shell_as_elsewhere() {
    let found = |process: &str| {
        let text = format!("app = \"api\"\nprimary_region = \"ams\"\n[processes]\n  api = \"{process}\"\n");
        let report = check_text("fly.toml", &text);
        (ids(&report), shown(&report).contains("assumed: the image's /bin/sh is dash"))
    };
    assert_eq!(found("sh -c 'cd /app && ./api'"), (vec!["P004"], true));
    assert_eq!(found("sh -c './api | tee log'"), (vec!["P004"], false));
    assert_eq!(found("tini -- sh -c './api | tee log'"), (vec!["P004"], false));
    // The whole group is signalled.
    assert_eq!(found("tini -g -- sh -c './api | tee log'"), (vec![], false));
    assert_eq!(found("bash -c 'cd /app && ./api'"), (vec![], false));
}

#[test]
fn an_init_or_a_package_manager_is_found_on_the_platforms_of_pods() {
    for metadata in ["", ", annotations: {run.googleapis.com/ingress: all}"] {
        for (command, rule) in [("[npm, start]", "D004"), ("[tini, --, sh, -c, './api | tee log']", "D008")] {
            let report = check_text("service.yaml", &knative(metadata, command));
            assert_eq!(ids(&report), [rule], "{metadata}{}", shown(&report));
        }
    }
}

#[test]
fn an_init_of_podman_is_one_whichever_way_it_is_set() {
    for (key, rule) in [
        ("RunInit=true", "D008"),
        ("PodmanArgs=--init", "D008"),
        ("PodmanArgs=--init=true --cpus 2", "D008"),
        ("PodmanArgs=--init=false", "D002"),
        ("PodmanArgs=--init-path /init", "D002"),
    ] {
        let report =
            check_text("api.container", &format!("[Container]\nImage=api\n{key}\nExec=sh -c 'a; b'\n"));
        assert_eq!(ids(&report), [rule], "{key}{}", shown(&report));
    }
}
