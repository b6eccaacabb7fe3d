//! The files of a Compose project: `extends`, the override file, `include`, and the stage that a service builds.

use ebbtide_check::{Report, Severity};

use crate::common::{check_all, check_text, ids, shown};

const DRAIN: &str = "labels: {ebbtide.dev/drain: 30s}";

/// Returns the subjects of the findings of a rule with the files that they point at.
fn found(report: &Report, rule: &str) -> Vec<(String, String)> {
    let findings = report.active().filter(|finding| finding.rule.id == rule);
    let file = |finding: &ebbtide_check::Finding| report.sources.name(finding.place().unwrap()).to_owned();
    findings.map(|finding| (finding.subject.clone(), file(finding))).collect()
}

fn service(name: &str, file: &str) -> (String, String) {
    (format!("service {name}"), file.to_owned())
}

#[test]
fn a_service_has_the_values_of_the_one_that_it_extends() {
    let file = |base: &str, own: &str| {
        format!(
            "services:\n  base:\n    image: shop\n    {base}\n  api:\n    extends: {{service: base}}\n    {DRAIN}\n    {own}\n  worker:\n    extends: base\n    {DRAIN}\n"
        )
    };
    assert_eq!(ids(&check_text("compose.yaml", &file("stop_grace_period: 40s", ""))), [""; 0]);
    assert_eq!(ids(&check_text("compose.yaml", &file("restart: always", ""))), ["C001", "C001"]);
    let own = check_text("compose.yaml", &file("stop_grace_period: 40s", "stop_grace_period: 20s"));
    assert_eq!(found(&own, "C001"), [service("api", "compose.yaml")], "{}", shown(&own));
    let base = check_text("compose.yaml", &file("stop_grace_period: 31s", ""));
    assert_eq!(found(&base, "C001").len(), 2);
    let line = base.sources.position(base.findings[0].place().unwrap()).line;
    assert_eq!(line, 4, "it points at the value: {}", shown(&base));
}

#[test]
fn a_service_of_another_file_is_extended_and_the_finding_points_at_the_value() {
    let common = "services:\n  base:\n    stop_grace_period: 20s\n    command: [sh, -c, app]\n    build: {context: ./image}\n";
    let compose = |own: &str| {
        format!(
            "services:\n  api:\n    extends: {{file: ../common/base.yml, service: base}}\n    {DRAIN}\n{own}"
        )
    };
    let check = |own: &str| check_all(&[("shop/compose.yaml", &compose(own)), ("common/base.yml", common)]);
    let report = check("");
    assert_eq!(found(&report, "C001"), [service("api", "common/base.yml")], "{}", shown(&report));
    assert_eq!(found(&report, "D002"), [service("api", "common/base.yml")], "{}", shown(&report));
    let replaced = check("    stop_grace_period: 40s\n    command: [app]\n");
    assert_eq!(ids(&replaced), [""; 0], "{}", shown(&replaced));
    // A path is relative to the file that has it.
    let image = "FROM debian:12\nCMD [\"gunicorn\", \"--graceful-timeout\", \"60\", \"app\"]\n";
    let without = "services:\n  base:\n    build: {context: ./image}\n";
    let compose = "services:\n  api:\n    extends: {file: ../common/base.yml, service: base}\n";
    let report = check_all(&[
        ("shop/compose.yaml", compose),
        ("common/base.yml", without),
        ("common/image/Dockerfile", image),
    ]);
    assert_eq!(found(&report, "C001"), [service("api", "shop/compose.yaml")], "{}", shown(&report));
}

/// A file that is no project by itself has parts of services, which only others complete.
#[test]
fn a_service_that_only_others_extend_is_no_service_of_its_own() {
    let common = format!("services:\n  base:\n    image: shop\n    {DRAIN}\n");
    let compose =
        "services:\n  api:\n    extends: {file: common.yml, service: base}\n    stop_grace_period: 40s\n";
    let report = check_all(&[("compose.yaml", compose), ("common.yml", &common)]);
    assert_eq!((ids(&report), report.workloads), (vec![], 1), "{}", shown(&report));
    assert_eq!(ids(&check_text("common.yml", &common)), ["C001"]);
}

#[test]
fn what_cannot_be_resolved_is_said_and_not_guessed() {
    for (extends, expected) in [
        ("{file: common.yml, service: base}", "it extends `base` of `common.yml`, which is not in the input"),
        ("{service: nothing}", "it extends `nothing`, which does not exist"),
        ("{file: '${COMMON}', service: base}", "which is not in the input"),
        ("'${BASE}'", "what it extends is not known before the deploy"),
        ("{service: api}", "it extends itself"),
    ] {
        let text = format!("services:\n  api:\n    image: shop\n    {DRAIN}\n    extends: {extends}\n");
        let report = check_text("compose.yaml", &text);
        assert_eq!(ids(&report), [""; 0], "{extends}: {}", shown(&report));
        let [problem] = report.problems.as_slice() else { panic!("{extends}: {:?}", report.problems) };
        assert!(problem.message.contains(expected), "{extends}: {}", problem.message);
        assert!(!problem.is_failure && problem.place.is_some());
    }
    let circle = "services:\n  a: {image: x, extends: b}\n  b: {image: x, extends: a}\n";
    assert_eq!(check_text("compose.yaml", circle).problems.len(), 2);
}

#[test]
fn the_override_file_beside_the_base_is_merged() {
    let base = format!("services:\n  api:\n    image: shop\n    {DRAIN}\n  db: {{image: 'redis'}}\n");
    let over = |period: &str| format!("services:\n  api:\n    stop_grace_period: {period}\n");
    for (name, other) in [
        ("compose.yaml", "compose.override.yaml"),
        ("docker-compose.yml", "docker-compose.override.yml"),
        ("app/docker-compose.yaml", "app/compose.override.yml"),
    ] {
        let check = |period: &str| check_all(&[(name, &base), (other, &over(period))]);
        assert_eq!(found(&check("40s"), "C001"), [], "{name}");
        let report = check("20s");
        assert_eq!(found(&report, "C001"), [service("api", other)], "{}", shown(&report));
        assert_eq!(report.workloads, 2, "{}", shown(&report));
    }
    // The override file of another folder, and one whose base is another file, are not merged.
    for (name, other) in
        [("a/compose.yaml", "compose.override.yaml"), ("compose.prod.yaml", "compose.override.yaml")]
    {
        let report = check_all(&[(name, &base), (other, &over("40s"))]);
        assert_eq!(found(&report, "C001"), [service("api", name)], "{}", shown(&report));
        assert!(shown(&report).contains("the Compose file that it overrides is not in the input"));
    }
    let both = check_all(&[
        ("compose.yaml", &base),
        ("docker-compose.yml", &base.replace("api", "old")),
        ("compose.override.yaml", &over("40s")),
    ]);
    assert_eq!(found(&both, "C001"), [service("old", "docker-compose.yml")], "{}", shown(&both));
}

#[test]
fn an_override_file_replaces_adds_and_resets() {
    let base = format!(
        "services:\n  api:\n    image: shop\n    command: [sh, -c, 'a; b']\n    stop_grace_period: 40s\n    {DRAIN}\n"
    );
    let check = |over: &str| {
        let over = format!("services:\n  api:\n    {over}\n");
        ids(&check_all(&[("compose.yaml", &base), ("compose.override.yaml", &over)]))
    };
    assert_eq!(check("command: [app]"), [""; 0]);
    assert_eq!(check("init: true"), ["D008"]);
    assert_eq!(check("labels: [ebbtide.dev/drain=60s]"), ["D002", "C001"]);
    assert_eq!(check("stop_grace_period: !reset null"), ["C001", "D002"]);
    assert_eq!(check("stop_signal: SIGKILL"), ["D002", "C003"]);
    let other = check_all(&[
        ("compose.yaml", &base),
        ("compose.override.yaml", &format!("services:\n  debug:\n    image: shop\n    {DRAIN}\n")),
    ]);
    assert_eq!(found(&other, "C001"), [service("debug", "compose.override.yaml")]);
}

#[test]
fn included_files_are_projects_that_the_override_file_changes() {
    let included = format!("services:\n  api:\n    image: shop\n    {DRAIN}\n");
    let base = "include: [sub/shop.yaml]\nservices:\n  web: {image: web}\n";
    let report = check_all(&[("compose.yaml", base), ("sub/shop.yaml", &included)]);
    assert_eq!(found(&report, "C001"), [service("api", "sub/shop.yaml")], "{}", shown(&report));
    assert!(report.problems.is_empty(), "{}", shown(&report));
    let over = "services:\n  api:\n    stop_grace_period: 40s\n";
    let report =
        check_all(&[("compose.yaml", base), ("sub/shop.yaml", &included), ("compose.override.yaml", over)]);
    assert_eq!(ids(&report), [""; 0], "{}", shown(&report));
    let list = "include:\n- path: [sub/shop.yaml, sub/grace.yaml]\nservices:\n  web: {image: web}\n";
    let report = check_all(&[("compose.yaml", list), ("sub/shop.yaml", &included), ("sub/grace.yaml", over)]);
    assert_eq!(ids(&report), [""; 0], "{}", shown(&report));
    let missing = check_all(&[("compose.yaml", base), ("compose.override.yaml", over)]);
    assert_eq!(ids(&missing), [""; 0], "{}", shown(&missing));
    assert!(shown(&missing).contains("included file `sub/shop.yaml` is not in the input: not read"));
    assert!(!missing.is_incomplete());
}

/// `services` of other programs are no services of Compose, also if a file of Compose is beside them.
#[test]
fn other_files_with_services_are_left_alone() {
    let symfony = "services:\n  app: {class: App}\n  other: {class: Other}\n";
    let report =
        check_all(&[("services.yaml", symfony), ("compose.yaml", "services:\n  web: {image: web}\n")]);
    assert_eq!((report.recognised, report.workloads, report.problems.len()), (1, 1, 0));
}

#[test]
fn the_variables_of_the_image_declare_the_drain_where_a_service_builds_it() {
    let image = "FROM python:3.13-slim\nENV APP=shop GUNICORN_CMD_ARGS=\"--workers 2 --graceful-timeout 60\"\nENV EBBTIDE_UNUSED 1\nCMD [\"gunicorn\", \"app:app\"]\n";
    let check = |own: &str| {
        let compose = format!("services:\n  api:\n    build: .\n    stop_grace_period: 40s\n{own}");
        check_all(&[("compose.yaml", &compose), ("Dockerfile", image)])
    };
    let report = check("");
    assert_eq!(ids(&report), ["C001"], "{}", shown(&report));
    let label = report.findings[0].labels.last().unwrap();
    assert_eq!(report.sources.name(label.place), "Dockerfile");
    let text = report.sources.get(label.place.source).unwrap().text();
    assert_eq!(
        &text[label.place.start()..label.place.end()],
        "GUNICORN_CMD_ARGS=\"--workers 2 --graceful-timeout 60\""
    );
    // The variable of the service replaces that of the image, and another program does not read it.
    assert_eq!(ids(&check("    environment: {GUNICORN_CMD_ARGS: '--graceful-timeout 30'}\n")), [""; 0]);
    assert_eq!(ids(&check("    command: [flask, run]\n")), [""; 0]);
    assert_eq!(ids(&check("    command: [gunicorn, other]\n")), ["C001"]);
}

#[test]
fn variables_of_a_dockerfile_are_replaced_and_what_is_unknown_is_not_guessed() {
    let check = |lines: &str| {
        let image = format!("FROM debian:12\n{lines}CMD [\"orders\"]\n");
        ids(&check_all(&[("compose.yaml", "services:\n  api: {build: .}\n"), ("Dockerfile", &image)]))
    };
    assert_eq!(check("ENV EBBTIDE_GRACE=60s\n"), ["C001"]);
    assert_eq!(check("ENV EBBTIDE_GRACE 60s\n"), ["C001"]);
    assert_eq!(check("ARG GRACE=60s\nENV EBBTIDE_GRACE=$GRACE\n"), ["C001"]);
    assert_eq!(check("ENV GRACE=60s\nENV EBBTIDE_GRACE=${GRACE}\n"), ["C001"]);
    assert_eq!(check("ENV EBBTIDE_GRACE=60s\nENV EBBTIDE_GRACE=9s\n"), [""; 0]);
    assert_eq!(check("ARG GRACE\nENV EBBTIDE_GRACE=$GRACE\n"), [""; 0]);
}

#[test]
fn the_stage_that_a_service_builds_is_its_image() {
    let image = "FROM debian:12 AS web\nENV EBBTIDE_GRACE=60s\nCMD [\"web\"]\nFROM web AS dev\nCMD npm start\nFROM web AS last\nENV EBBTIDE_GRACE=9s\n";
    let check = |target: &str| {
        let compose = format!("services:\n  api:\n    build: {{context: ., {target}}}\n");
        check_all(&[("compose.yaml", &compose), ("Dockerfile", image)])
    };
    assert_eq!(ids(&check("dockerfile: Dockerfile")), [""; 0]);
    assert_eq!(ids(&check("target: last")), [""; 0]);
    assert_eq!(ids(&check("target: WEB")), ["C001"]);
    assert_eq!(ids(&check("target: '0'")), ["C001"]);
    assert_eq!(ids(&check("target: nothing")), [""; 0]);
    assert_eq!(ids(&check("target: '${TARGET}'")), [""; 0]);
    // What is wrong with a stage is found if a service runs it.
    let dev = check("target: dev");
    assert_eq!(ids(&dev), ["D001", "D004"], "{}", shown(&dev));
    assert_eq!(dev.findings[0].subject, "image Dockerfile (dev)");
    assert!(dev.active().all(|finding| finding.severity >= Severity::Warning));
}

#[test]
fn a_role_of_kamal_has_the_variables_and_the_stage_of_its_image() {
    let image = "FROM debian:12 AS web\nENV EBBTIDE_GRACE=60s\nCMD [\"web\"]\nFROM web AS last\nENV EBBTIDE_GRACE=9s\n";
    let check = |builder: &str| {
        let deploy = format!(
            "service: shop\nimage: acme/shop\nregistry: {{username: acme}}\n{builder}servers: [192.0.2.1]\n"
        );
        ids(&check_all(&[("config/deploy.yml", &deploy), ("Dockerfile", image)]))
    };
    assert_eq!(check("builder: {target: web}\n"), ["M001"]);
    assert_eq!(check(""), [""; 0]);
    assert_eq!(check("builder: {target: web, pack: {builder: x}}\n"), [""; 0]);
}

/// What has finished before another service starts is not stopped, and a task of a profile seldom is.
#[test]
fn a_service_that_runs_to_its_end_needs_no_signal() {
    let command = "image: 'debian:12', command: sh -c './manage.py migrate && ./manage.py collectstatic'";
    let severities = |text: &str| {
        let report = check_text("compose.yaml", text);
        report.active().map(|finding| (finding.rule.id, finding.severity)).collect::<Vec<_>>()
    };
    let awaited = |condition: &str| {
        format!(
            "services:\n  migrate: {{{command}}}\n  web: {{image: web, depends_on: {{migrate: {{condition: {condition}}}}}}}\n"
        )
    };
    assert_eq!(severities(&awaited("service_completed_successfully")), []);
    assert_eq!(severities(&awaited("service_started")), [("D002", Severity::Warning)]);
    for (more, severity) in [
        ("profiles: [test]", Severity::Info),
        ("profiles: [test], restart: always", Severity::Warning),
        ("profiles: [test], ports: ['80:80']", Severity::Warning),
        ("restart: 'no'", Severity::Warning),
    ] {
        let text = format!("services:\n  a: {{{command}, {more}}}\n");
        assert_eq!(severities(&text), [("D002", severity)], "{more}");
    }
}

/// Compose rounds it down before it waits.
#[test]
fn a_grace_period_counts_in_whole_seconds() {
    let check = |drain: &str, grace: &str| {
        check_text(
            "compose.yaml",
            &format!(
                "services:\n  a: {{image: a, labels: {{ebbtide.dev/drain: {drain}}}, stop_grace_period: {grace}}}\n"
            ),
        )
    };
    let report = check("20.4s", "22.9s");
    assert_eq!(ids(&report), ["C001", "C004"], "{}", shown(&report));
    assert!(shown(&report).contains("needs 22.4 s to stop, but is killed after 22 s"), "{}", shown(&report));
    assert!(shown(&check("5s", "1.5s")).contains("killed after 1 s"));
    assert!(shown(&report).contains("has 22 s to stop instead of 22.9 s"), "{}", shown(&report));
    let mut sources = ebbtide_check::Sources::new();
    sources.add("compose.yaml", "services:\n  a: {image: a, stop_grace_period: 1.5s}\n");
    let timeline = ebbtide_check::timelines(sources, &ebbtide_check::Options::default()).all.remove(0);
    assert_eq!(timeline.rows[0].kill, Some(std::time::Duration::from_secs(1)));
}

#[test]
fn the_documents_of_a_file_are_merged() {
    let first = format!("services:\n  a: {{image: a, {DRAIN}}}\n");
    let text =
        format!("{first}---\nservices:\n  a: {{stop_grace_period: 40s}}\n  b: {{image: b, {DRAIN}}}\n");
    let report = check_text("compose.yaml", &text);
    assert_eq!((found(&report, "C001"), report.workloads), (vec![service("b", "compose.yaml")], 2));
    let kill = format!("{first}---\nservices:\n  a:\n    stop_grace_period: 31s\n");
    let report = check_text("compose.yaml", &kill);
    let line = report.sources.position(report.findings[0].place().unwrap()).line;
    assert_eq!((ids(&report), line), (vec!["C001"], 6));
}
