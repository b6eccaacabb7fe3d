//! A file that the user names: what cannot be parsed in it is a failure, and one in which nothing is recognised is reported. The same file in a
//! folder may be of another program.

use ebbtide_check::{Options, Report, Sources, check};

use crate::common::{check_text, ids, shown};

fn check_named(name: &str, text: &str) -> Report {
    let mut sources = Sources::new();
    let id = sources.add(name, text);
    sources.require(id);
    check(sources, &Options::default())
}

#[test]
fn what_cannot_be_parsed_is_a_failure_if_it_is_named() {
    for (name, text, said) in [
        ("settings.toml", "a = [", ""),
        ("broken.json", "{\"strict\": [}", ""),
        ("settings.yaml", "a: [1\n", "unclosed bracket"),
        ("settings.yaml", "# {{ cookiecutter.name }}\na: [1\n", "unclosed bracket"),
        ("settings.yaml", "a: \"{{ $labels.instance }}\"\n---\nb: [1\n", "unclosed bracket"),
        ("broken.json", "{\"a\": \"{{x}}\", \"strict\": [}", ""),
        ("other.tf", "x = [[1, 2], [3, 4]]\ny = {", ""),
        ("other.tf", "x = {", ""),
        (
            "bad.service",
            "[Service\nExecStart=/bin/api\n",
            "no unit: expected a section [Service], [Container], [Kube], [Build] or [Image]",
        ),
        (
            "bad.service",
            "[Unit]\nDescription=a\n[Servce]\nExecStart=/bin/api\n",
            "no unit: expected a section",
        ),
        ("bad.container", "Image=docker.io/shop/api\n", "no unit: expected a section"),
        ("Procfile", "web\nworker\n", "no Procfile: expected lines of the form `NAME: COMMAND`"),
        (
            "deploy/Containerfile",
            "FORM debian\nRUN a\n",
            "no Dockerfile: expected FROM or ARG as the first instruction",
        ),
        ("api.dockerfile", "RUN a\n", "no Dockerfile: expected FROM"),
    ] {
        let named = check_named(name, text);
        assert!(named.is_incomplete() && named.problems.len() == 1, "{name}: {}", shown(&named));
        assert!(named.problems[0].message.contains(said), "{name}: {}", shown(&named));
        assert!(!name.starts_with("bad.") || named.problems[0].place.is_some(), "{name}: {}", shown(&named));
        assert!(!check_text(name, text).is_incomplete(), "{name}: found in a folder");
    }
}

/// Its name and its text say that it was meant to be one: without a word it would seem to be checked.
#[test]
fn a_broken_file_of_a_folder_is_noted_where_it_was_meant_to_be_a_deployment_file() {
    for (name, text, said) in [
        ("bad.service", "[Service\nExecStart=/bin/api\n", "no unit"),
        ("bad.service", "[Unit]\nDescription=a\n[Servce]\nExecStart=/bin/api\n", "no unit"),
        ("bad.container", "Image=docker.io/shop/api\n", "no unit"),
        ("bad.kube", "[Kubernetes]\nYaml=a.yaml\n", "no unit"),
        ("Procfile", "web\nworker\n", "no Procfile"),
        ("Containerfile", "FORM debian\nRUN a\n", "no Dockerfile"),
        ("api.dockerfile", "RUN a\n", "no Dockerfile"),
        // It is no YAML either.
        ("Dockerfile", "FORM debian\nRUN a: b: [\n", "no Dockerfile"),
    ] {
        let report = check_text(name, text);
        assert_eq!((report.problems.len(), report.is_incomplete()), (1, false), "{name}: {}", shown(&report));
        assert!(shown(&report).contains(&format!("note: not read: {said}: expected")), "{}", shown(&report));
    }
    for (name, text) in [
        ("org.example.Shop.service", "[D-BUS Service]\nName=org.example.Shop\nExec=/usr/bin/shop\n"),
        ("http.service", "<service-group><name>web</name></service-group>\n"),
        ("empty.service", "\n"),
        ("Dockerfile.md", "How it is built\n"),
        ("Dockerfile", ""),
    ] {
        assert!(check_text(name, text).problems.is_empty(), "{name}");
    }
}

#[test]
fn a_named_file_in_which_nothing_is_recognised_is_reported_and_is_no_failure() {
    for (name, text) in [
        ("fine.yaml", "a: 1\n"),
        ("empty.yaml", ""),
        ("empty.service", " \n"),
        ("package.json", "{\"name\": \"a\"}"),
        ("tsconfig.json", "{\n  // Comment\n  \"strict\": true,\n}\n"),
        ("Cargo.toml", "[package]\nname = \"a\"\n"),
        ("default.conf", "server {\n  listen 80;\n}\n"),
        ("README", "Read me\n"),
    ] {
        let named = check_named(name, text);
        let messages: Vec<&str> = named.problems.iter().map(|problem| &*problem.message).collect();
        assert_eq!(
            (messages, named.is_incomplete()),
            (vec!["nothing recognised: the text is none of the known deployment files"], false),
            "{name}"
        );
        assert!(shown(&named).contains("note: not read: nothing recognised"), "{}", shown(&named));
        assert!(check_text(name, text).problems.is_empty(), "{name}: found in a folder");
    }
    // A script is read as an entry point, and values belong to a module of Terraform.
    for (name, text) in [
        ("entrypoint.sh", "#!/bin/sh\nexec api\n"),
        ("prod.tfvars", "grace = 30\n"),
        ("variables.tf", "variable \"grace\" {\n  default = 30\n}\n"),
        ("kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"),
    ] {
        assert!(check_named(name, text).problems.is_empty(), "{name}");
    }
}

/// Heroku leaves such a line out: the process does not run, and its drain is not checked.
#[test]
fn a_line_of_a_procfile_that_is_no_process_is_a_failure_and_the_others_are_checked() {
    let text = "# one\nweb: gunicorn --graceful-timeout 45 shop\nworker bundle exec sidekiq\n\nclock: a\n";
    let report = check_text("Procfile", text);
    assert_eq!((ids(&report), report.workloads), (vec!["P003"], 2));
    let problem = &report.problems[0];
    assert_eq!(report.sources.position(problem.place.unwrap()).line, 3);
    assert!(report.is_incomplete() && problem.message == "no process: expected `NAME: COMMAND`");
}

#[test]
fn a_blueprint_of_render_is_recognised_by_the_name_of_the_file_or_by_its_keys() {
    let bare = "services:\n- {type: web, name: shop}\n";
    for (name, text, is_render) in [
        ("render.yaml", bare, true),
        ("deploy/render.yml", bare, true),
        ("other.yaml", bare, false),
        ("other.yaml", "services:\n- {type: worker, name: shop, startCommand: a}\n", true),
        ("other.yaml", "services:\n- {type: pserv, name: shop, maxShutdownDelaySeconds: 60}\n", true),
        ("render.yaml", "services:\n- {type: lambda, name: shop}\n", false),
        ("render.yaml", "services:\n  web: {image: shop}\n", false),
    ] {
        let shown = shown(&check_text(name, text));
        let count = usize::from(is_render || text.contains("image"));
        assert!(shown.contains(&format!("{count} deployment file")), "{name}: {text}: {shown}");
        assert_eq!(shown.contains("in 1 workload"), count == 1, "{name}: {text}: {shown}");
    }
    let drain = "# ebbtide.dev/drain: 60s\n".to_owned() + bare;
    assert_eq!(ids(&check_text("render.yaml", &drain)), ["P003"]);
}

/// It may be an annotation that was commented out: a note, and no failure.
#[test]
fn a_comment_with_a_time_is_noted_where_it_is_not_read() {
    for (name, text, expected) in [
        (
            "pod.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n",
            "an annotation",
        ),
        ("compose.yaml", "services: {a: {image: a}}\n", "a label"),
        ("deploy.yml", "service: a\nimage: a\nservers: [b]\nregistry: {username: c}\n", "a label"),
        ("a.service", "[Service]\nExecStart=/bin/a\n", "the key X-EbbtideDrain"),
        ("a.nomad", "job \"a\" {\n  group \"a\" {\n    task \"a\" {\n    }\n  }\n}\n", "an entry of meta"),
        ("task.yaml", "containerDefinitions: [{name: a}]\n", "a Docker label"),
        ("Dockerfile", "FROM a\nCMD [\"a\"]\n", "it in the file that runs the image"),
        (
            "main.tf",
            "resource \"kubernetes_pod\" \"a\" {\n  spec {\n    container {\n      name = \"a\"\n    }\n  }\n}\n",
            "an annotation or a label of the resource",
        ),
    ] {
        for key in ["ebbtide.dev/drain", "ebbtide.dev/lame-duck"] {
            let report = check_text(name, &format!("# {key}: 90s\n{text}"));
            let messages: Vec<&str> = report.problems.iter().map(|problem| &*problem.message).collect();
            assert_eq!(messages.len(), 1, "{name}: {}", shown(&report));
            let begin = format!("comment {key} is not read in this format: expected {expected}");
            assert!(messages[0].starts_with(&begin) && !report.is_incomplete(), "{name}: {messages:?}");
            assert!(check_text(name, text).problems.is_empty(), "{name}");
        }
    }
    // Other files may have anything in their comments.
    assert!(check_text("a.yaml", "# ebbtide.dev/drain: 90s\na: 1\n").problems.is_empty());
}

#[test]
fn a_spec_that_is_no_mapping_is_reported() {
    for (text, said) in [
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: foo\n", "invalid spec of a Pod"),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: []\n",
            "invalid spec of a Deployment",
        ),
        (
            "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: 1}\n",
            "invalid template of a Job",
        ),
    ] {
        let report = check_text("a.yaml", text);
        assert!(report.is_incomplete() && shown(&report).contains(said), "{}", shown(&report));
    }
    // A patch has no pods, and what a tool replaces is not known.
    for spec in ["{replicas: 3}", "", "${SPEC}", "\"{{ .Values.spec }}\""] {
        let text = format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec: {spec}\n");
        assert!(check_text("a.yaml", &text).problems.is_empty(), "{spec}");
    }
}

#[test]
fn a_tab_is_reported_where_it_is() {
    for (text, place) in
        [("kind: Pod\n\tspec: 1\n", "tab.yaml:2:1"), ("a:\n  b: 1\n\n \tc: 1\n", "tab.yaml:4:2")]
    {
        let shown = shown(&check_named("tab.yaml", text));
        assert!(shown.contains(place), "{shown}");
    }
}

/// Folders have files of many programs, and the check is about deployments.
#[test]
fn a_broken_file_of_a_folder_fails_the_check_if_its_text_has_a_sign_of_a_deployment() {
    for (name, text, is_meant) in [
        ("a.yaml", "apiVersion: v1\nkind: Pod\nspec: [\n", true),
        ("a.yaml", "services:\n  web: [1\n", true),
        ("compose.yaml", "include: [a\n", true),
        ("a.yaml", "AWSTemplateFormatVersion: x\nb: [\n", true),
        ("a.yaml", "Resources:\n  A: {Type: AWS::ECS::Service\n", true),
        ("deploy.yml", "service: a\nservers: [b\n", true),
        ("mkdocs.yml", "site_name: a\nnav: [\n", false),
        ("values.yaml", "a: b: c\n", false),
        ("a.json", "{\"containerDefinitions\": [}", true),
        ("a.json", "{\"a\": [}", false),
    ] {
        let report = check_text(name, text);
        assert_eq!(
            (report.problems.len(), report.is_incomplete()),
            (1, is_meant),
            "{text}: {}",
            shown(&report)
        );
    }
    for text in ["{\n  // Comment\n  \"strict\": true,\n}\n", "{name: 'a'}", "{\"a\": 1} // b\n"] {
        assert!(check_text("devcontainer.json", text).problems.is_empty(), "{text}");
    }
    // A task definition with a trailing comma is refused by AWS.
    assert!(check_text("task.json", "{\"containerDefinitions\": [{\"name\": \"a\"},]}").is_incomplete());
}
