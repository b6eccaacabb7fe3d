//! The variables that services of Compose have from files.

use ebbtide_check::Report;

use crate::common::{check_all, ids, shown};

fn check(compose: &str, files: &[(&str, &str)]) -> Report {
    let compose = format!("services:\n  api:\n    image: shop\n    stop_grace_period: 20s\n{compose}");
    let mut all = vec![("shop/compose.yaml", compose.as_str())];
    all.extend_from_slice(files);
    check_all(&all)
}

const LONG: &str = "# The service drains for 55 s.\nEBBTIDE_GRACE=60s\n";
const SHORT: &str = "EBBTIDE_GRACE=12s\n";

#[test]
fn a_variable_of_a_named_file_counts_and_the_finding_has_its_line() {
    for env_file in ["shop.env", "[shop.env]", "[{path: ./shop.env, required: false}]", "../shop/shop.env"] {
        let report = check(&format!("    env_file: {env_file}\n"), &[("shop/shop.env", LONG)]);
        assert_eq!(ids(&report), ["C001"], "{env_file}");
        let labels = report.findings[0].labels.iter().map(|label| report.sources.name(label.place));
        assert!(labels.into_iter().any(|name| name == "shop/shop.env"), "{}", shown(&report));
    }
    // The opposite: a file that is not named, is elsewhere, or fits.
    assert_eq!(ids(&check("", &[("shop/shop.env", LONG)])), [""; 0]);
    assert_eq!(ids(&check("    env_file: shop.env\n", &[("shop.env", LONG)])), [""; 0]);
    assert_eq!(ids(&check("    env_file: shop.env\n", &[("shop/shop.env", SHORT)])), [""; 0]);
    assert_eq!(ids(&check("    env_file: shop.env\n", &[])), [""; 0], "it may be made at the deploy");
    let raw = "    env_file: [{path: shop.env, format: raw}]\n";
    assert_eq!(ids(&check(raw, &[("shop/shop.env", LONG)])), [""; 0], "another format");
}

#[test]
fn a_later_file_replaces_an_earlier_one_and_the_environment_replaces_both() {
    let files = [("shop/.env", LONG), ("shop/short.env", SHORT)];
    assert_eq!(ids(&check("    env_file: [.env, short.env]\n", &files)), [""; 0]);
    assert_eq!(ids(&check("    env_file: [short.env, .env]\n", &files)), ["C001"]);
    let own = "    env_file: .env\n    environment: {EBBTIDE_GRACE: 12s}\n";
    assert_eq!(ids(&check(own, &files)), [""; 0]);
    let own = "    env_file: short.env\n    environment: [EBBTIDE_GRACE=60s]\n";
    assert_eq!(ids(&check(own, &files)), ["C001"]);
    // The image's come last.
    let image = ("shop/Dockerfile", "FROM debian:12\nENV EBBTIDE_GRACE=60s\nCMD [\"shop\"]\n");
    assert_eq!(ids(&check("    build: .\n    env_file: short.env\n", &[files[1], image])), [""; 0]);
    assert_eq!(ids(&check("    build: .\n", &[image])), ["C001"]);
}

#[test]
fn the_files_of_an_override_are_read_after_those_of_the_base() {
    let over = "services:\n  api:\n    env_file: long.env\n";
    let files = [("shop/compose.override.yaml", over), ("shop/short.env", SHORT), ("shop/long.env", LONG)];
    assert_eq!(ids(&check("    env_file: short.env\n", &files)), ["C001"]);
    assert_eq!(ids(&check("    env_file: [short.env]\n", &files)), ["C001"]);
    assert_eq!(ids(&check("    env_file: short.env\n", &files[1..])), [""; 0]);
}

#[test]
fn a_setting_with_which_the_service_does_not_start_is_reported_in_its_file() {
    let report = check("    env_file: shop.env\n", &[("shop/shop.env", "EBBTIDE_GRACE=soon\n")]);
    let problem = report.problems.first().unwrap();
    assert!(
        problem.path == "shop/shop.env" && problem.message.contains("`soon` of EBBTIDE_GRACE"),
        "{problem:?}"
    );
}

const GUNICORN: &str = "GUNICORN_CMD_ARGS=--graceful-timeout 60\n";

/// What the shell that runs Compose has is not known, and a file does not replace it.
#[test]
fn a_variable_without_a_value_is_that_of_the_host() {
    let files = [("shop/a.env", GUNICORN)];
    let rest = "    command: [gunicorn, 'a:b']\n    env_file: a.env\n";
    assert_eq!(ids(&check(rest, &files)), ["C001"]);
    for own in [
        "[GUNICORN_CMD_ARGS]",
        "{GUNICORN_CMD_ARGS: }",
        "{GUNICORN_CMD_ARGS: ~}",
        "{GUNICORN_CMD_ARGS: \"${ARGS}\"}",
    ] {
        let report = check(&format!("{rest}    environment: {own}\n"), &files);
        assert_eq!(ids(&report), [""; 0], "{own}\n{}", shown(&report));
    }
    let over = ("shop/compose.override.yaml", "services:\n  api:\n    environment: [GUNICORN_CMD_ARGS]\n");
    assert_eq!(ids(&check(rest, &[files[0], over])), [""; 0]);
}

#[test]
fn a_file_that_is_not_read_may_replace_what_is_before_it() {
    let files = [
        ("shop/a.env", GUNICORN),
        (
            "shop/Dockerfile",
            "FROM debian:12\nENV GUNICORN_CMD_ARGS='--graceful-timeout 60'\nCMD [\"gunicorn\", \"a:b\"]\n",
        ),
    ];
    let with =
        |names: &str| check(&format!("    command: [gunicorn, 'a:b']\n    env_file: {names}\n"), &files[..1]);
    for names in [
        "[a.env, missing.env]",
        "[a.env, {path: missing.env, required: false}]",
        "[a.env, {path: a.env, format: raw}]",
        "[a.env, \"${MORE}\"]",
    ] {
        let report = with(names);
        assert_eq!(ids(&report), [""; 0], "{names}\n{}", shown(&report));
        assert!(
            !report.problems.is_empty() && report.problems.iter().all(|problem| !problem.is_failure),
            "{names}"
        );
    }
    assert_eq!(ids(&with("[missing.env, a.env]")), ["C001"]);
    let report = with("[a.env, missing.env]");
    assert!(shown(&report).contains("env_file `missing.env` is not in the input"), "{}", shown(&report));
    // The image's come before both.
    assert_eq!(ids(&check("    build: .\n    env_file: missing.env\n", &files[1..])), [""; 0]);
    // A program that reads no variable, and a drain that is declared, need no note.
    for rest in ["    command: [node, a.js]\n", "    labels: {ebbtide.dev/drain: 5s}\n"] {
        assert!(check(&format!("{rest}    env_file: missing.env\n"), &[]).problems.is_empty(), "{rest}");
    }
}
