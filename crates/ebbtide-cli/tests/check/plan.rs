//! `ebbtide plan`: from a service's plan to settings, and back.

use std::process::Command;

use tempfile::tempdir;

use crate::{ebbtide, ebbtide_with_input, text};

/// The plan that the demo prints with these variables.
fn plan_of_demo(variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ebbtide"));
    command.arg("demo").env("EBBTIDE_PLAN", "json").envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The variables are read from the systemd drop-in, which has one a line.
#[test]
fn the_printed_variables_give_the_service_its_plan() {
    let plan = plan_of_demo(&[("EBBTIDE_GRACE", "20s")]);
    let settings = text(&ebbtide_with_input(&["plan", "--for", "systemd"], &plan).stdout);
    let variables: Vec<(&str, &str)> =
        settings.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('=')).collect();
    assert_eq!(variables.len(), 3, "{settings}");
    let json = |plan: &str| serde_json::from_str::<serde_json::Value>(plan).unwrap();
    let again = json(&plan_of_demo(&variables));
    assert_eq!(again["lame_duck"], json(&plan)["lame_duck"]);
    // Times are written in whole milliseconds.
    for time in ["grace_ms", "deadline_ms", "servers_end_ms"] {
        let [before, after] = [json(&plan), again.clone()].map(|plan| plan[time].as_u64().unwrap());
        assert!(before.abs_diff(after) <= 1, "{time}: {before} {after}");
    }
}

#[test]
fn the_settings_of_a_service_keep_its_times_and_the_check_is_clean() {
    let given =
        [("EBBTIDE_GRACE", "25s"), ("EBBTIDE_MARGIN", "3s"), ("EBBTIDE_LAME_DUCK", "1500ms/200ms/4s")];
    let plan = plan_of_demo(&given);
    for target in ["kubernetes", "ecs", "compose", "systemd", "nomad"] {
        let settings = ebbtide_with_input(&["plan", "--for", target, "--name", "orders"], &plan);
        let printed = text(&settings.stdout);
        assert_eq!(settings.status.code(), Some(0), "{}", text(&settings.stderr));
        for (_, value) in given {
            assert!(printed.contains(value), "{target}: {value}\n{printed}");
        }
        let checked = ebbtide_with_input(&["check", "--fail-on", "info", "-"], &printed);
        assert_eq!(checked.status.code(), Some(0), "{}\n{printed}", text(&checked.stdout));
        assert!(text(&checked.stdout).contains("1 deployment file"), "{}", text(&checked.stdout));
    }
}

#[test]
fn a_text_that_is_no_plan_and_wrong_usage_are_refused() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("list.json"), "[]").unwrap();
    for (words, said) in [
        (&["plan", "--for", "kubernetes", "missing.json"][..], "cannot read missing.json"),
        (&["plan", "--for", "kubernetes"], "no plan in standard input: it is empty"),
        (
            &["plan", "--for", "kubernetes", "list.json"],
            "invalid plan list.json: invalid length 0, expected an object",
        ),
        (&["plan", "--for", "kubernetes", "."], "cannot read .: not a regular file: a folder"),
        (&["plan"], "--for"),
        (&["plan", "--for", "nowhere"], "nowhere"),
        (&["plan", "--for", "ecs", "--name", "a b"], "a b"),
    ] {
        let output = ebbtide(folder.path(), words);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{words:?}");
        assert!(text(&output.stderr).contains(said), "{words:?}: {}", text(&output.stderr));
    }
}

/// Settings for a plan that no service can have would be settings that fail.
#[test]
fn a_plan_that_is_impossible_is_refused_with_the_field() {
    let mut plan: serde_json::Value = serde_json::from_str(&plan_of_demo(&[])).unwrap();
    for (field, time) in [("grace_ms", 1), ("telemetry_end_ms", 900_000), ("deadline_ms", u64::MAX)] {
        let before = std::mem::replace(&mut plan[field], time.into());
        let output = ebbtide_with_input(&["plan", "--for", "kubernetes"], &plan.to_string());
        plan[field] = before;
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{field}");
        let said = text(&output.stderr);
        assert!(said.contains("invalid plan standard input: ") && said.contains(field), "{said}");
    }
    assert!(ebbtide_with_input(&["plan", "--for", "kubernetes"], &plan.to_string()).status.success());
}
