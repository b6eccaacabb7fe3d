//! Containers that Docker or Podman run on one machine, for Kamal and Quadlet: which time each of them has, and from which file.

use ebbtide_check::{Options, Report, Severity, Sources, timelines};

use crate::common::{check_all, check_text, ids, shown};

/// A deployment file with a role behind the proxy, and one without it, and what is added to the root and to each role.
fn kamal(root: &str, web: &str, jobs: &str) -> String {
    format!(
        "service: shop\nimage: acme/shop\nregistry: {{username: acme}}\n{root}servers:\n  web:\n    hosts: [a]\n{web}  jobs:\n    hosts: \
         [b]\n{jobs}"
    )
}

fn label(seconds: u32) -> String {
    format!("    labels:\n      ebbtide.dev/drain: {seconds}s\n")
}

/// Returns the subjects of the findings of a rule, in the order of their names.
fn subjects(report: &Report, rule: &str) -> Vec<String> {
    let found = report.active().filter(|finding| finding.rule.id == rule);
    let mut subjects: Vec<String> = found.map(|finding| finding.subject.clone()).collect();
    subjects.sort();
    subjects
}

/// The drain that fits is two seconds shorter than the time; one more second does not fit.
#[test]
fn each_role_of_kamal_has_the_time_that_is_passed_to_docker_stop() {
    for (root, own, web, jobs) in [
        ("", "", 10, 30),
        ("drain_timeout: 50\n", "", 10, 50),
        ("stop_timeout: 40\ndrain_timeout: 50\n", "", 40, 40),
        ("stop_timeout: 40\n", "    stop_timeout: 60\n", 60, 60),
        ("", "    options: {stop-timeout: 70}\n", 70, 30),
        ("stop_timeout: 40\n", "    options: {stop-timeout: 70}\n", 40, 40),
        ("primary_role: jobs\ndrain_timeout: 50\n", "", 50, 10),
        ("drain_timeout: 50\n", "    proxy: true\n", 10, 10),
        ("drain_timeout: 50\n", "    proxy: false\n", 50, 50),
        ("drain_timeout: 50\n", "    proxy: {app_port: 80}\n", 10, 10),
    ] {
        let with = |web: u32, jobs: u32| {
            let text = kamal(root, &format!("{own}{}", label(web)), &format!("{own}{}", label(jobs)));
            let report = check_text("config/deploy.yml", &text);
            assert!(report.problems.is_empty(), "{}", shown(&report));
            subjects(&report, "M001")
        };
        assert_eq!(with(web - 2, jobs - 2), [""; 0], "{root}{own}");
        assert_eq!(with(web - 1, jobs - 1), ["role shop/jobs", "role shop/web"], "{root}{own}");
    }
}

/// Kamal 1 passes `stop_wait_time` to `docker stop` for each role, and requests are no exception: Traefik does not wait for them.
#[test]
fn a_role_of_kamal_1_has_the_stop_wait_time() {
    for (root, own, web, jobs) in [
        ("stop_wait_time: 40\n", "", 40, 40),
        ("traefik: {args: {a: b}}\n", "", 10, 10),
        ("healthcheck: {path: /up}\nstop_wait_time: 40\n", "    options: {stop-timeout: 70}\n", 40, 40),
        ("traefik: {args: {a: b}}\n", "    options: {stop-timeout: 70}\n", 70, 70),
    ] {
        let with = |web: u32, jobs: u32| {
            let text = kamal(root, &format!("{own}{}", label(web)), &format!("{own}{}", label(jobs)));
            let report = check_text("config/deploy.yml", &text);
            assert!(report.problems.is_empty(), "{}", shown(&report));
            report
        };
        let fits = with(web - 2, jobs - 2);
        assert_eq!(ids(&fits), [""; 0], "{root}{own}");
        let report = with(web - 1, jobs - 1);
        assert_eq!(subjects(&report, "M001"), ["role shop/jobs", "role shop/web"], "{root}{own}");
        assert!(report.active().all(|finding| finding.severity == Severity::Error), "{}", shown(&report));
        let text = shown(&report);
        assert_eq!(text.contains("(stop_wait_time"), !text.contains("stop-timeout)"), "{text}");
    }
}

/// `stop_wait_time` that was left in a file of Kamal 2 has no effect: Kamal does not start with it.
#[test]
fn keys_of_both_versions_of_kamal_are_reported() {
    for (root, old, new) in [
        ("stop_wait_time: 90\nproxy: {app_port: 80}\n", "stop_wait_time", "proxy"),
        ("drain_timeout: 90\ntraefik: {args: {a: b}}\n", "traefik", "drain_timeout"),
        ("healthcheck: {path: /up}\nstop_timeout: 30\n", "healthcheck", "stop_timeout"),
    ] {
        let report = check_text("config/deploy.yml", &kamal(root, &label(60), &label(60)));
        let messages: Vec<&str> = report.problems.iter().map(|problem| &*problem.message).collect();
        let expected = format!("key `{old}` of Kamal 1 beside `{new}` of Kamal 2: no version accepts both");
        assert_eq!((messages, report.is_incomplete()), (vec![&*expected], true), "{root}");
        assert_eq!(ids(&report), [""; 0], "{}", shown(&report));
    }
}

#[test]
fn servers_without_roles_are_the_role_web() {
    let text = kamal("labels:\n  ebbtide.dev/drain: 9s\n", "", "");
    let (root, _) = text.split_once("  web:").unwrap();
    let report = check_text("deploy.yml", &format!("{root}  - 192.0.2.1\n"));
    assert_eq!(subjects(&report, "M001"), ["role shop/web"]);
}

#[test]
fn the_file_of_a_destination_is_merged_and_what_it_leaves_alone_is_reported_once() {
    let base = kamal("", "", &label(40));
    let staging = "servers:\n  web:\n    hosts: [c]\nproxy:\n  response_timeout: 90\n";
    let longer = "drain_timeout: 42\n";
    let report = check_all(&[
        ("config/deploy.yml", &base),
        ("config/deploy.staging.yml", staging),
        ("config/deploy.production.yml", longer),
        ("other/deploy.test.yml", staging),
    ]);
    assert!(report.problems.is_empty(), "{}", shown(&report));
    assert_eq!(subjects(&report, "M001"), ["role shop/jobs"], "production has the time");
    assert_eq!(subjects(&report, "M002"), ["role shop-staging/web"]);
    let finding = report.active().find(|finding| finding.rule.id == "M002").unwrap();
    assert_eq!(report.sources.name(finding.place().unwrap()), "config/deploy.staging.yml");
}

#[test]
fn servers_may_be_in_the_files_of_the_destinations_alone() {
    let base =
        "service: shop\nimage: acme/shop\nregistry: {username: acme}\nlabels: {ebbtide.dev/drain: 20s}\n";
    let part = |times: &str| format!("{times}servers: [192.0.2.1]\n");
    let report = check_all(&[
        ("deploy.yml", base),
        ("deploy.a.yml", &part("stop_timeout: 22\n")),
        ("deploy.b.yml", &part("")),
    ]);
    assert_eq!(subjects(&report, "M001"), ["role shop-b/web"], "{}", shown(&report));
}

#[test]
fn the_dockerfile_of_the_project_says_how_long_a_role_drains_unless_it_has_a_command() {
    let image = "FROM debian:12\nCMD [\"bundle\", \"exec\", \"sidekiq\", \"-t\", \"60\"]\n";
    let found =
        |deploy: &str| subjects(&check_all(&[("config/deploy.yml", deploy), ("Dockerfile", image)]), "M001");
    let own = "    cmd: bin/web\n";
    assert_eq!(found(&kamal("", own, "")), ["role shop/jobs"]);
    assert_eq!(found(&kamal("", own, "    cmd: bin/jobs\n")), [""; 0]);
    assert_eq!(found(&kamal("builder: {dockerfile: Dockerfile.web}\n", own, "")), [""; 0]);
}

#[test]
fn values_and_lines_of_ruby_are_no_findings_and_no_failures() {
    let value = kamal("drain_timeout: <%= ENV[\"DRAIN\"] %>\n", &label(9), &label(90));
    assert_eq!(subjects(&check_text("deploy.yml", &value), "M001"), ["role shop/web"]);
    let computed = kamal("", "    labels:\n      ebbtide.dev/drain: <%= drain %>\n", "");
    let report = check_text("deploy.yml", &computed);
    assert!(report.problems.is_empty() && ids(&report).is_empty(), "{}", shown(&report));
    let quoted = kamal("builder:\n  arch: <%= a ? \"b\" : \"c\" %>\n", &label(9), "");
    assert_eq!(subjects(&check_text("deploy.yml", &quoted), "M001"), ["role shop/web"]);
    let lines = kamal("<% if ENV[\"X\"] %>\nstop_timeout: 9\n<% end %>\n", "", "");
    let report = check_text("deploy.yml", &lines);
    assert_eq!((report.problems.len(), report.is_incomplete()), (1, false), "{}", shown(&report));
}

#[test]
fn other_files_with_similar_keys_are_not_kamals() {
    for text in [
        "service: shop\nimage: a\n",
        "service: shop\nprovider: {name: aws}\nfunctions: {a: {handler: b}}\n",
        "apiVersion: v1\nservice: shop\nimage: a\nservers: [a]\n",
        "servers: [a]\ndrain_timeout: 5\n",
    ] {
        assert_eq!(check_text("a.yml", text).recognised, 0, "{text}");
    }
}

#[test]
fn the_proxy_of_a_role_drains_before_the_signal() {
    let mut sources = Sources::new();
    sources.add("deploy.yml", kamal("drain_timeout: 20\n", &label(5), &label(5)));
    let all = timelines(sources, &Options::default()).all;
    let times = |subject: &str| {
        let row = &all.iter().find(|timeline| timeline.subject == subject).unwrap().rows[0];
        (row.signal.unwrap().as_secs(), row.kill.unwrap().as_secs())
    };
    assert_eq!((times("role shop/web"), times("role shop/jobs")), ((20, 30), (0, 20)));
}

/// A container unit with these keys, and these of its service.
fn quadlet(container: &str, service: &str) -> String {
    format!("[Container]\nImage=acme/shop\n{container}\n[Service]\n{service}\n")
}

#[test]
fn a_container_of_podman_has_its_stop_timeout_and_not_that_of_its_unit() {
    for (keys, time) in [
        ("", 10),
        ("StopTimeout=40", 40),
        ("StopTimeout=40\nStopTimeout=50", 50),
        ("PodmanArgs=--stop-timeout 60", 60),
        ("StopTimeout=40\nPodmanArgs=--rm --stop-timeout=60", 60),
    ] {
        let found = |drain: u32| {
            let text = quadlet(&format!("Label=ebbtide.dev/drain={drain}s\n{keys}"), "TimeoutStopSec=200");
            ids(&check_text("shop.container", &text)).contains(&"Q001")
        };
        assert!(!found(time - 2) && found(time - 1), "{keys}");
    }
    let unknown = quadlet("Label=ebbtide.dev/drain=90s\nStopTimeout=%i", "");
    assert_eq!(ids(&check_text("shop@.container", &unknown)), [""; 0]);
    let own = quadlet("", "X-EbbtideDrain=15s");
    assert_eq!(ids(&check_text("shop.container", &own)), ["Q001"]);
}

#[test]
fn the_unit_needs_longer_than_podman_waits() {
    let found = |keys: &str, service: &str| {
        ids(&check_text("shop.container", &quadlet(keys, service))).contains(&"Q002")
    };
    assert!(!found("StopTimeout=88", "") && found("StopTimeout=89", ""));
    assert!(!found("", "TimeoutStopSec=12") && found("", "TimeoutStopSec=11"));
    assert!(
        !found("StopTimeout=600", "TimeoutStopSec=infinity") && !found("StopTimeout=600", "TimeoutSec=0")
    );
    assert!(found("StopTimeout=600", "TimeoutSec=5min"));
}

#[test]
fn a_timeout_of_the_unit_alone_is_found_if_it_is_longer_than_podman_waits() {
    let severity = |keys: &str, service: &str| {
        let report = check_text("shop.container", &quadlet(keys, service));
        report.active().find(|finding| finding.rule.id == "Q003").map(|finding| finding.severity)
    };
    for (service, expected) in [
        ("TimeoutStopSec=91", Some(Severity::Warning)),
        ("TimeoutStopSec=infinity", Some(Severity::Warning)),
        ("TimeoutStopSec=90", Some(Severity::Info)),
        ("TimeoutStopSec=10", None),
        ("Restart=always", None),
        ("TimeoutStopSec=%i", None),
        ("TimeoutStopSec=120\nType=oneshot", None),
    ] {
        assert_eq!(severity("", service), expected, "{service}");
        assert_eq!(severity("StopTimeout=100", service), None, "{service}");
    }
}

#[test]
fn drop_ins_of_a_container_are_applied() {
    let unit = quadlet("Label=ebbtide.dev/drain=20s", "");
    let drop_in = ("shop.container.d/10-stop.conf", "[Container]\nStopTimeout=25\n");
    assert_eq!(ids(&check_all(&[("shop.container", &unit)])), ["Q001"]);
    assert_eq!(ids(&check_all(&[("shop.container", &unit), drop_in])), [""; 0]);
    // Without its unit a drop-in says too little.
    assert_eq!(
        ids(&check_all(&[("shop.container.d/10.conf", "[Container]\nLabel=ebbtide.dev/drain=20s\n")])),
        [""; 0]
    );
}

/// A backup or a client has nothing to flush; what is not known may be the server.
#[test]
fn a_database_is_what_its_image_runs_and_not_the_name_of_the_image() {
    for (image, command, is_found) in [
        ("postgres:16", "", true),
        ("postgres:16", "command: [postgres, -c, fsync=off]", true),
        ("postgres:16", "command: -c fsync=off", true),
        ("postgres:16", "command: [gosu, postgres, postgres]", true),
        ("postgres:16", "entrypoint: [sh, -c, 'setup; exec docker-entrypoint.sh postgres']", true),
        ("postgres:16", "entrypoint: [/init.sh]", true),
        ("postgres:16", "command: ['${COMMAND}']", true),
        ("postgres:16", "command: [python, backup.py]", false),
        (
            "postgres:16",
            "entrypoint: [sh, -c, 'while true; do pg_dump -U postgres -f /b shop; sleep 86400; done']",
            false,
        ),
        ("redis:7", "command: [redis-server, --appendonly, 'yes']", true),
        ("redis:7", "command: /etc/redis/redis.conf", true),
        ("redis:7", "command: [redis-cli, --latency]", false),
        ("mongo:7", "entrypoint: [bash, -c, 'mongosh --eval init']", false),
        ("cockroachdb/cockroach", "command: start-single-node --insecure", true),
        ("mysql:8", "command: --default-authentication-plugin=x", true),
    ] {
        let text = format!("services:\n  db:\n    image: {image}\n    {command}\n");
        let report = check_text("compose.yaml", &text);
        assert_eq!(ids(&report).contains(&"C002"), is_found, "{text}{}", shown(&report));
    }
}

/// Services share their variables, and a worker does not run gunicorn.
#[test]
fn the_flags_of_gunicorn_are_about_services_that_may_run_it() {
    for (command, is_found) in [
        ("", true),
        ("command: [gunicorn, shop]", true),
        ("command: ./start.sh", true),
        ("command: [sh, -c, 'migrate && exec gunicorn shop']", true),
        ("command: [celery, -A, shop, worker]", false),
        ("command: [python, manage.py, consume]", false),
    ] {
        let text = format!(
            "services:\n  web:\n    image: acme/shop\n    environment: {{GUNICORN_CMD_ARGS: '--graceful-timeout 60'}}\n    {command}\n"
        );
        let report = check_text("compose.yaml", &text);
        assert_eq!(ids(&report).contains(&"C001"), is_found, "{text}{}", shown(&report));
    }
}

/// The words of Exec= follow those of the entry point, without the signs that systemd reads before a program.
#[test]
fn the_entry_point_of_a_quadlet_may_be_a_shell() {
    for entry_point in ["/bin/sh", "sh", "[\"sh\"]"] {
        let text = format!("[Container]\nImage=api\nEntrypoint={entry_point}\nExec=-c \"a | b\"\n");
        let report = check_text("api.container", &text);
        assert_eq!(ids(&report), ["D002"], "{entry_point}\n{}", shown(&report));
    }
}
