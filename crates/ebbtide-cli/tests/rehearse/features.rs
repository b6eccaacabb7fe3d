//! The effect of the build's features. Each test holds in a build with a feature and in one without it.

use std::process::Output;

use serde_json::Value;

use crate::common::{SMALL, check, ebbtide, verdict};

/// The brokers: server, whether this build has a client for it, and an address where nothing listens.
const BROKERS: [(&str, bool, &str, &str); 4] = [
    ("postgres", cfg!(feature = "postgres"), "DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
    ("redis", cfg!(feature = "redis"), "REDIS_URL", "redis://127.0.0.1:1"),
    ("rabbitmq", cfg!(feature = "rabbitmq"), "AMQP_URL", "amqp://127.0.0.1:1/%2f"),
    ("nats", cfg!(feature = "nats"), "NATS_URL", "nats://127.0.0.1:1"),
];

fn run(args: &[&str], variable: &str, url: &str) -> Output {
    ebbtide().args(args).env(variable, url).output().unwrap()
}

/// Asserts that `setting` was refused, and that the message names the feature and how to enable it.
#[track_caller]
fn is_refused(output: &Output, setting: &str, feature: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for words in [
        format!("error: `{setting}` requires the feature `{feature}`"),
        format!("hint: build with `cargo build --release --features {feature}`"),
    ] {
        assert!(said.contains(&words), "{said}");
    }
    assert!(output.stdout.is_empty(), "messages belong on stderr");
}

/// Asserts that a connection was attempted.
#[track_caller]
fn is_tried(output: &Output, code: i32, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words), "{said}");
}

#[test]
fn a_broker_without_its_feature_is_refused_and_an_enabled_one_is_contacted() {
    for (name, built, variable, url) in BROKERS {
        let rehearsed = run(&["rehearse", "--demo", "--quiet", "--", "--queue", name], variable, url);
        let served = run(&["demo", "--listen=127.0.0.1:0", "--queue", name], variable, url);
        if built {
            // The demo's orders are in the same PostgreSQL as its jobs, and their connection is opened first.
            let orders = name == "postgres";
            let queue = format!("failed to open the queue on {name}");
            is_tried(&rehearsed, 3, if orders { "cannot observe the database" } else { &queue });
            is_tried(&served, 1, if orders { "failed to open the PostgreSQL database" } else { &queue });
        } else {
            let setting = format!("--queue {name}");
            is_refused(&rehearsed, &setting, name);
            is_refused(&served, &setting, name);
        }
    }
}

#[test]
fn a_database_option_is_applied_or_refused_and_never_ignored() {
    let [(feature, built, variable, url), ..] = BROKERS;
    let watched = run(&["rehearse", "--ready=1", "--database-url", url, "--", "true"], "NONE", "");
    let rehearsed = run(&["rehearse", "--demo", "--quiet"], variable, url);
    let served = run(&["demo", "--listen=127.0.0.1:0"], variable, url);
    let mistaken = run(&["rehearse", "--demo", "--quiet", "--", "--no-such-option"], variable, url);
    is_tried(&mistaken, 2, "options of the demo");
    if built {
        is_tried(&watched, 3, "cannot observe the database");
        is_tried(&rehearsed, 3, "cannot observe the database");
        is_tried(&served, 1, "failed to open the PostgreSQL database");
    } else {
        is_refused(&watched, "--database-url", feature);
        is_refused(&rehearsed, variable, feature);
        is_refused(&served, variable, feature);
    }
}

/// The first command of the README, with a smaller load.
#[test]
fn the_demo_passes_in_every_build_and_its_report_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    std::fs::write(&path, "of an earlier run").unwrap();
    let mut command = ebbtide();
    command.args(["rehearse", "--demo", "--format=json", "--quiet"]).args(SMALL);
    let output = command.env("EBBTIDE_REPORT", &path).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let verdict = verdict(&output);
    assert_eq!(verdict["lost_by_shutdown"], 0, "{verdict:#}");
    assert_eq!(check(&verdict, "orders-processed").0, "pass", "{verdict:#}");
    let report: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!((&report["exit_code"], &report["schema"]), (&0.into(), &2.into()), "{report:#}");
    assert_eq!(verdict["runs"][0]["report"], report);
}

/// The generated page is the same for every build.
#[test]
fn the_help_is_the_same_whatever_is_built() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md")).unwrap();
    for command in ["rehearse", "demo"] {
        let output = ebbtide().args([command, "--help"]).env("COLUMNS", "100").env("NO_COLOR", "1").output();
        let help = String::from_utf8(output.unwrap().stdout).unwrap();
        let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
        assert!(page.contains(&help.join("\n")), "docs/cli.md differs from `{command} --help`");
    }
}
