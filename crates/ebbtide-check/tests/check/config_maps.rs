//! The variables that containers have from elsewhere: ConfigMaps, and groups of Render.

use ebbtide_check::Report;

use crate::common::{check_text, ids, shown};

const MAP: &str = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\ndata: {GUNICORN_CMD_ARGS: --graceful-timeout 90, ARGS: \
                   --graceful-timeout 80}\n";

fn with(container: &str, objects: &str) -> Report {
    check_text(
        "web.yaml",
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop}}\nspec:\n  containers:\n  - name: web\n    image: web\n    command: [gunicorn, 'a:b']\n\
             {container}{objects}"
        ),
    )
}

fn sum(report: &Report) -> Option<String> {
    report.active().find(|finding| finding.rule.id == "K001")?.arithmetic.clone()
}

#[test]
fn a_config_map_of_the_input_is_read() {
    for (container, time) in [
        ("    envFrom: [{configMapRef: {name: web}}]\n", Some("90 (drain")),
        (
            "    envFrom: [{configMapRef: {name: web}}]\n    env: [{name: GUNICORN_CMD_ARGS, value: --graceful-timeout 70}]\n",
            Some("70 (drain"),
        ),
        (
            "    env: [{name: GUNICORN_CMD_ARGS, valueFrom: {configMapKeyRef: {name: web, key: ARGS}}}]\n",
            Some("80 (drain"),
        ),
        ("    envFrom: [{configMapRef: {name: web}, prefix: GUNICORN_CMD_}]\n", Some("80 (drain")),
        // The opposite: a variable that is not known.
        ("    envFrom: [{configMapRef: {name: other}}]\n", None),
        ("    envFrom: [{secretRef: {name: web}}]\n", None),
        ("    envFrom: [{configMapRef: {name: web}}, {secretRef: {name: web}}]\n", None),
        (
            "    env: [{name: GUNICORN_CMD_ARGS, valueFrom: {configMapKeyRef: {name: web, key: OTHER}}}]\n",
            None,
        ),
        ("    env: [{name: GUNICORN_CMD_ARGS, valueFrom: {secretKeyRef: {name: web, key: ARGS}}}]\n", None),
        // What is on the command line counts more.
        (
            "    args: [--graceful-timeout, '60']\n    envFrom: [{secretRef: {name: web}}]\n",
            Some("60 (drain"),
        ),
        ("    envFrom: [{secretRef: {name: web}}, {configMapRef: {name: web}}]\n", Some("90 (drain")),
    ] {
        let report = with(container, MAP);
        let found = sum(&report);
        assert_eq!(found.is_some(), time.is_some(), "{container}\n{}", shown(&report));
        assert!(
            found.is_none_or(|sum| time.is_some_and(|time| sum.contains(time))),
            "{container}\n{}",
            shown(&report)
        );
    }
    let of_another = with("    envFrom: [{configMapRef: {name: web}}]\n", &MAP.replace("shop", "other"));
    assert_eq!(sum(&of_another), None);
}

#[test]
fn a_group_of_render_is_read() {
    let blueprint = |service: &str, groups: &str| {
        format!(
            "services:\n- type: web\n  name: shop\n  runtime: image\n  dockerCommand: gunicorn a:b\n  envVars: [{service}]\n{groups}"
        )
    };
    let group =
        "envVarGroups:\n- name: web\n  envVars: [{key: GUNICORN_CMD_ARGS, value: --graceful-timeout 90}]\n";
    for (service, groups, time) in [
        ("{fromGroup: web}", group, Some("90 (drain")),
        (
            "{fromGroup: web}, {key: GUNICORN_CMD_ARGS, value: --graceful-timeout 70}",
            group,
            Some("70 (drain"),
        ),
        ("", group, Some("30 (drain, from default of gunicorn)")),
        ("{fromGroup: other}", group, None),
        ("{key: GUNICORN_CMD_ARGS, sync: false}", group, None),
    ] {
        let report = check_text("render.yaml", &blueprint(service, groups));
        let found = report
            .active()
            .find(|finding| finding.rule.id == "P003")
            .and_then(|finding| finding.arithmetic.clone());
        assert_eq!(found.is_some(), time.is_some(), "{service}\n{}", shown(&report));
        assert!(
            found.is_none_or(|sum| time.is_some_and(|time| sum.contains(time))),
            "{service}\n{}",
            shown(&report)
        );
    }
}

/// What a Secret sets may be longer or shorter than what is beside it.
#[test]
fn options_of_java_that_are_not_read_hide_the_drain_of_spring() {
    let task = |own: &str| {
        format!(
            "{{\"containerDefinitions\": [{{\"name\": \"a\", \"command\": [\"java\", \"-jar\", \"a.jar\"], \"environment\": [{{\"name\": \
             \"SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE\", \"value\": \"60s\"}}], \"secrets\": [{{\"name\": \"{own}\"}}]}}]}}"
        )
    };
    for (name, is_found) in
        [("PASSWORD", true), ("JAVA_TOOL_OPTIONS", false), ("SPRING_APPLICATION_JSON", false)]
    {
        assert_eq!(ids(&check_text("task.json", &task(name))).contains(&"E002"), is_found, "{name}");
    }
}

/// A default holds only if nothing that is not read can set another value.
#[test]
fn a_default_is_not_claimed_where_another_file_may_set_the_value() {
    for (name, text, holds) in [
        ("Procfile", "web: gunicorn a:b\n", true),
        ("Procfile", "web: gunicorn -b 0.0.0.0:$PORT --workers $WORKERS a:b\n", true),
        ("Procfile", "web: gunicorn -c gunicorn.conf.py a:b\n", false),
        ("Procfile", "web: gunicorn --config=gunicorn.conf.py a:b\n", false),
        ("Procfile", "web: gunicorn --conf gunicorn.conf.py a:b\n", false),
        ("Procfile", "web: gunicorn $ARGS a:b\n", false),
        ("task.json", "{\"containerDefinitions\": [{\"name\": \"a\", \"command\": [\"gunicorn\"]}]}", true),
        (
            "task.json",
            "{\"containerDefinitions\": [{\"name\": \"a\", \"command\": [\"gunicorn\"], \"environmentFiles\": [{\"type\": \"s3\"}]}]}",
            false,
        ),
        (
            "task.json",
            "{\"containerDefinitions\": [{\"name\": \"a\", \"command\": [\"gunicorn\"], \"secrets\": [{\"name\": \"GUNICORN_CMD_ARGS\"}]}]}",
            false,
        ),
        ("compose.yaml", "services:\n  a: {image: a, command: [sidekiq]}\n", true),
        ("compose.yaml", "services:\n  a: {image: a, command: [sidekiq, -C, config/a.yml]}\n", false),
        (
            "compose.yaml",
            "services:\n  a: {image: a, command: [sidekiq, -C, config/a.yml, --timeo, '60']}\n",
            true,
        ),
        ("compose.yaml", "services:\n  a: {image: traefik, command: [--configFile=/a.yml]}\n", false),
    ] {
        let report = check_text(name, text);
        let is_found = report
            .active()
            .any(|finding| finding.arithmetic.as_ref().is_some_and(|sum| sum.contains("(drain")));
        assert_eq!(is_found, holds, "{text}\n{}", shown(&report));
    }
    assert!(
        ids(&check_text(
            "compose.yaml",
            "services:\n  a: {image: a, command: [gunicorn, --graceful-time, '60']}\n"
        ))
        .contains(&"C001")
    );
}
