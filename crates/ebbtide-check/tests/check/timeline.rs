//! The time axis agrees with the findings.

use std::fmt::Write as _;
use std::time::Duration;

use ebbtide_check::{Example, Options, RULES, Sources, TimelineRow, Timelines, timelines};

use crate::common::check_example;

fn axis(files: &[(&str, &str)]) -> Timelines {
    let mut sources = Sources::new();
    for (name, text) in files {
        sources.add(*name, *text);
    }
    timelines(sources, &Options::default())
}

fn axis_of_example(files: &[Example]) -> Timelines {
    let files: Vec<_> = files.iter().map(|file| (file.name, file.text)).collect();
    axis(&files)
}

/// Writes a row as `name: preStop 0-10, drain 10-40; signal 10, kill 30`.
fn row(row: &TimelineRow) -> String {
    let seconds = |time: Duration| time.as_secs_f64();
    let mut text = format!("{}:", row.name);
    for span in &row.spans {
        let _ = write!(text, " {} {}-{},", span.kind.name(), seconds(span.start), seconds(span.end));
    }
    let show = |time: Option<Duration>| time.map_or("-".to_owned(), |time| seconds(time).to_string());
    format!("{}; signal {}, kill {}", text.trim_end_matches(','), show(row.signal), show(row.kill))
}

fn rows(files: &[(&str, &str)]) -> Vec<String> {
    axis(files).all.iter().flat_map(|timeline| &timeline.rows).map(row).collect()
}

fn pod(annotations: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: api, annotations: {{{annotations}}}}}\nspec: {{{spec}}}\n"
    )
}

#[test]
fn each_part_is_where_it_happens() {
    for (annotations, spec, expected) in [
        (
            "ebbtide.dev/drain: 30s, ebbtide.dev/lame-duck: 5s",
            "containers: [{name: a, lifecycle: {preStop: {sleep: {seconds: 10}}}}]",
            "a: preStop 0-10, lame duck 10-15, drain 15-40, margin 40-42; signal 10, kill 30",
        ),
        ("", "containers: [{name: a}]", "a: drain time unknown 0-30; signal 0, kill 30"),
        // The kubelet sends the signal at the end of the grace period, and leaves 2 s.
        (
            "",
            "containers: [{name: a, lifecycle: {preStop: {sleep: {seconds: 30}}}}]",
            "a: preStop 0-30, drain time unknown 30-32; signal 30, kill 32",
        ),
        (
            "ebbtide.dev/drain: 5s",
            "terminationGracePeriodSeconds: $X, containers: [{name: a}]",
            "a: drain 0-5, margin 5-7; signal 0, kill -",
        ),
    ] {
        assert_eq!(rows(&[("a.yaml", &pod(annotations, spec))]), [expected]);
    }
    let unit = "[Service]\nExecStart=/bin/a\nTimeoutStopSec=infinity\n";
    assert_eq!(rows(&[("a.service", unit)]), ["a.service:; signal 0, kill -"]);
    let is_unlimited = |unit: &str| axis(&[("a.service", unit)]).all[0].rows[0].is_unlimited;
    assert_eq!((is_unlimited(unit), is_unlimited(&unit.replace("infinity", "@TIME@"))), (true, false));
}

#[test]
fn a_sidecar_receives_its_signal_when_the_main_containers_have_exited() {
    let sidecar =
        "initContainers: [{name: s, restartPolicy: Always, command: [gunicorn, --graceful-timeout=5]}]";
    let known = pod("ebbtide.dev/drain: 20s", &format!("containers: [{{name: a}}], {sidecar}"));
    assert_eq!(
        rows(&[("a.yaml", &known)]),
        [
            "a: drain 0-20, margin 20-22; signal 0, kill 30",
            "s: drain 20-25, margin 25-27; signal 20, kill 30"
        ]
    );
    let unknown = pod("", &format!("containers: [{{name: a}}], {sidecar}"));
    assert_eq!(
        rows(&[("a.yaml", &unknown)]),
        ["a: drain time unknown 0-30; signal 0, kill 30", "s:; signal -, kill 30"]
    );
}

/// Every budget that does not fit is an overrun on the axis, and the other way round.
#[test]
fn the_overruns_are_those_of_the_rules() {
    let mut overruns = 0;
    for examples in RULES.iter().flat_map(|rule| [rule.bad, rule.good]) {
        let report = check_example(examples);
        let has =
            |ids: &[&str]| report.findings.iter().filter(|finding| ids.contains(&finding.rule.id)).count();
        // A hook that takes the whole grace period is another rule, and so is a pod without one.
        if has(&["K002", "K004"]) > 0 {
            continue;
        }
        let timelines = axis_of_example(examples);
        let all = timelines.all.iter().flat_map(|timeline| &timeline.rows);
        let late: Vec<String> = all.filter(|row| row.overrun().is_some()).map(row).collect();
        assert_eq!(
            late.len(),
            has(&["K001", "C001", "E002", "E014", "M001", "N001", "P001", "P002", "P003", "Q001", "S001"]),
            "{late:?} {:?}",
            examples[0]
        );
        overruns += late.len();
    }
    assert!(overruns >= 4, "{overruns}");
}

#[test]
fn parts_follow_each_other_and_are_on_the_axis() {
    for examples in RULES.iter().flat_map(|rule| [rule.bad, rule.good]) {
        for timeline in axis_of_example(examples).all {
            for row in &timeline.rows {
                assert!(
                    row.spans.iter().all(|span| span.start <= span.end && span.end <= timeline.end()),
                    "{row:?}"
                );
                assert!(row.spans.is_sorted_by_key(|span| span.start), "{row:?}");
            }
        }
    }
}

/// The client shortens a longer timeout, and SIGKILL leaves nothing to draw.
#[test]
fn a_task_of_nomad_ends_when_its_client_kills_it() {
    let job = |settings: &str| {
        format!(
            "job \"a\" {{\n  group \"a\" {{\n    task \"a\" {{\n      driver = \"docker\"\n      config {{\n        image = \"a\"\n      }}\n      {settings}\n    }}\n  }}\n}}\n"
        )
    };
    let long = job("kill_timeout = \"10m\"");
    let client = "client {\n  enabled = true\n  max_kill_timeout = \"2m\"\n}\n";
    let unknown = |kill| format!("a: drain time unknown 0-{kill}; signal 0, kill {kill}");
    assert_eq!(rows(&[("a.nomad.hcl", &long)]), [unknown(30)]);
    assert_eq!(rows(&[("a.nomad.hcl", &long), ("client.hcl", client)]), [unknown(120)]);
    let killed = job("kill_timeout = \"20s\"\n      kill_signal = \"SIGKILL\"");
    assert_eq!(rows(&[("a.nomad.hcl", &killed)]), ["a:; signal 0, kill 0"]);
}

/// Nomad kills a sidecar after the other tasks, and its kill timeout begins then.
#[test]
fn a_sidecar_of_nomad_has_its_own_kill_timeout_after_the_others() {
    let job = |meta: &str| {
        let task = |name: &str, own: &str| {
            format!(
                "    task \"{name}\" {{\n      driver = \"docker\"\n      config {{ image = \"x/{name}\" }}\n      {own}\n    }}\n"
            )
        };
        let sidecar = "kill_timeout = \"8s\"\n      meta = { \"ebbtide.dev/drain\" = \"5s\" }\n      lifecycle {\n        hook = \"prestart\"\n        sidecar = true\n      }";
        let tasks = task("api", &format!("kill_timeout = \"25s\"\n      {meta}"))
            + &task("first", sidecar)
            + &task("second", sidecar);
        format!("job \"shop\" {{\n  group \"api\" {{\n{tasks}  }}\n}}\n")
    };
    let known = rows(&[("a.nomad.hcl", &job("meta = { \"ebbtide.dev/drain\" = \"20s\" }"))]);
    assert_eq!(
        known,
        [
            "api: drain 0-20, margin 20-22; signal 0, kill 25",
            "second: drain 20-25, margin 25-27; signal 20, kill 28",
            "first: drain 20-25, margin 25-27; signal 20, kill 28",
        ]
    );
    let unknown = rows(&[("a.nomad.hcl", &job(""))]);
    assert_eq!(unknown[1], "second: drain 25-30, margin 30-32; signal 25, kill 33");
}

/// The services leave the catalogue, and the tasks receive their signal after the delay.
#[test]
fn nomad_waits_for_the_shutdown_delay_before_the_signal() {
    let job = |group: &str, api: &str, sidecar: &str| {
        let task = |name: &str, own: &str| {
            format!(
                "    task \"{name}\" {{\n      driver = \"docker\"\n      kill_timeout = \"28s\"\n      meta = {{ \"ebbtide.dev/drain\" = \"20s\" }}\n      config {{ image = \"x/{name}\" }}\n      {own}\n    }}\n"
            )
        };
        let last = format!(
            "{sidecar}\n      lifecycle {{\n        hook = \"prestart\"\n        sidecar = true\n      }}"
        );
        let tasks = task("api", api) + &task("other", "") + &task("logs", &last);
        rows(&[(
            "a.nomad.hcl",
            &format!("job \"shop\" {{\n  group \"api\" {{\n    {group}\n{tasks}  }}\n}}\n"),
        )])
    };
    let delay = |time: &str| format!("shutdown_delay = \"{time}\"");
    assert_eq!(
        job("", "", ""),
        [
            "api: drain 0-20, margin 20-22; signal 0, kill 28",
            "other: drain 0-20, margin 20-22; signal 0, kill 28",
            "logs: drain 20-40, margin 40-42; signal 20, kill 48",
        ]
    );
    assert_eq!(
        job(&delay("10s"), &delay("5s"), &delay("3s")),
        [
            "api: lame duck 0-15, drain 15-35, margin 35-37; signal 15, kill 43",
            "other: lame duck 0-10, drain 10-30, margin 30-32; signal 10, kill 38",
            "logs: lame duck 35-38, drain 38-58, margin 58-60; signal 38, kill 66",
        ]
    );
    let unknown = job(&delay("${var.delay}"), "", "");
    assert_eq!(unknown, ["api:; signal -, kill -", "other:; signal -, kill -", "logs:; signal -, kill -"]);
}
