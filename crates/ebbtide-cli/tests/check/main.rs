//! `ebbtide check` and `ebbtide explain` as a user runs them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside test functions")]

use std::fs;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::tempdir;

mod fix;
mod language_server;
mod neighbours;
mod nothing;
mod pages;
mod plan;
mod render;

/// An error of K001.
const BAD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: api\n  annotations: {ebbtide.dev/drain: 40s}\nspec:\n  containers:\n  - \
                   name: api\n    image: api\n";

/// A warning of K004.
const WARNED: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec:\n  terminationGracePeriodSeconds: 0\n  containers:\n  - \
                      name: api\n    image: api\n";

/// An info of K009.
const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: job}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      \
                   containers:\n      - {name: job, image: job, command: [sh, -c, a; b]}\n";

fn ebbtide(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ebbtide"))
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_exit_code_is_that_of_the_table() {
    let folder = tempdir().unwrap();
    for (name, content) in
        [("bad.yaml", BAD), ("warned.yaml", WARNED), ("fine.yaml", "a: 1\n"), ("broken.yaml", "a: [\n")]
    {
        fs::write(folder.path().join(name), content).unwrap();
    }
    for (words, code) in [
        (&["check", "fine.yaml"][..], 0),
        (&["check", "warned.yaml"], 0),
        (&["check", "--fail-on", "warning", "warned.yaml"], 1),
        (&["check", "bad.yaml"], 1),
        (&["check", "--ignore", "K001", "bad.yaml"], 0),
        (&["check", "broken.yaml"], 2),
        (&["check", "broken.yaml", "bad.yaml"], 2),
        (&["check", "missing.yaml", "bad.yaml"], 2),
        (&["check", "--select", "Q1", "bad.yaml"], 2),
        (&["check", "--select", "K", "--ignore", "K", "bad.yaml"], 2),
        (&["check", "--format", "json", "--format", "text", "bad.yaml"], 2),
        (&["check", "--format", "json=a", "--format", "junit=./a", "bad.yaml"], 2),
        (&["check", "--format", "json=a", "--format", "junit=b", "bad.yaml"], 1),
        (&["check", "--format", "github", "bad.yaml"], 1),
        (&["check", "--format", "json=/missing/x", "bad.yaml"], 2),
        (&["check"], 2),
        (&["explain", "K001"], 0),
        (&["explain"], 0),
        (&["explain", "pid1-shell"], 0),
        (&["explain", "Q1"], 2),
    ] {
        let output = ebbtide(folder.path(), words);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{words:?}\n{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
    // What decides the exit code is shown.
    fs::write(folder.path().join("info.yaml"), JOB).unwrap();
    for (words, code, is_shown) in
        [(&["check", "--fail-on", "info", "info.yaml"][..], 1, true), (&["check", "info.yaml"], 0, false)]
    {
        let output = ebbtide(folder.path(), words);
        let shown = text(&output.stdout);
        assert_eq!((output.status.code(), shown.contains("info[K009]")), (Some(code), is_shown), "{shown}");
        assert_ne!(shown.contains("(hidden)"), is_shown, "{shown}");
    }
    // The others are checked beside a file that cannot be.
    let output = ebbtide(folder.path(), &["check", "missing.yaml", "bad.yaml"]);
    assert!(text(&output.stdout).contains("error[K001]"), "{}", text(&output.stdout));
}

#[test]
fn reports_go_to_stdout_and_to_files_without_colours() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("bad.yaml"), BAD).unwrap();
    let output = ebbtide(
        folder.path(),
        &["check", "--format", "json=report.json", "--format", "text=report.txt", "."],
    );
    let shown = text(&output.stdout);
    assert!(
        shown.contains("error[K001]: Pod api needs 42 s to stop") && !shown.contains('\u{1b}'),
        "{shown}"
    );
    assert_eq!(fs::read_to_string(folder.path().join("report.txt")).unwrap(), shown);
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(
        (&json["findings"][0]["rule"], &json["findings"][0]["places"][0]["start"]["line"]),
        (&"K001".into(), &4.into())
    );
}

/// What is wrong with the output is said before minutes of work, and not after them.
#[test]
fn a_report_that_cannot_be_written_is_refused_before_a_file_is_read() {
    let folder = tempdir().unwrap();
    for words in [["--format", "json=/missing/x"], ["--format", "xml"], ["--format", "json="]] {
        let output = ebbtide(folder.path(), &["check", "bad.yaml", words[0], words[1]]);
        let said = text(&output.stderr);
        assert!(output.stdout.is_empty() && !said.contains("bad.yaml"), "{said}");
        assert_eq!(output.status.code(), Some(2), "{said}");
    }
}

#[test]
fn every_format_is_written() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("bad.yaml"), BAD).unwrap();
    for (format, mark) in [
        ("sarif", "\"2.1.0\""),
        ("junit", "<testsuites"),
        ("github", "::error file=bad.yaml"),
        ("gitlab", "fingerprint"),
    ] {
        let output = ebbtide(folder.path(), &["check", "--format", format, "bad.yaml"]);
        assert!(text(&output.stdout).contains(mark), "{format}: {}", text(&output.stdout));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn the_plan_of_a_service_declares_its_drain() {
    let folder = tempdir().unwrap();
    let plan = |grace: u64| {
        let mut plan = ebbtide_core::model::Budget::of(ebbtide_core::model::Platform::Kubernetes);
        plan.grace = Some(std::time::Duration::from_secs(grace));
        serde_json::to_string(&plan.plan().unwrap()).unwrap()
    };
    fs::write(folder.path().join("pod.yaml"), BAD.replace("  annotations: {ebbtide.dev/drain: 40s}\n", ""))
        .unwrap();
    fs::write(folder.path().join("fits.json"), plan(30)).unwrap();
    fs::write(folder.path().join("long.json"), plan(60)).unwrap();
    fs::write(folder.path().join("broken.json"), "{}").unwrap();
    for (words, code) in [
        (&["check", "pod.yaml"][..], 0),
        (&["check", "--plan", "fits.json", "pod.yaml"], 0),
        (&["check", "--plan", "long.json", "pod.yaml"], 1),
        (&["check", "--plan", "api=long.json", "pod.yaml"], 1),
        (&["check", "--plan", "other=long.json", "pod.yaml"], 2),
        (&["check", "--plan", "broken.json", "pod.yaml"], 2),
        (&["check", "--plan", "missing.json", "pod.yaml"], 2),
    ] {
        let output = ebbtide(folder.path(), words);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{words:?}\n{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
}

/// Runs the command with a text as its standard input: a file, since a command that refuses its arguments reads nothing of a pipe.
fn ebbtide_with_input(words: &[&str], input: &str) -> Output {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(input.as_bytes()).unwrap();
    file.rewind().unwrap();
    Command::new(env!("CARGO_BIN_EXE_ebbtide")).args(words).stdin(file).output().unwrap()
}

#[test]
fn standard_input_is_a_file() {
    let output = ebbtide_with_input(&["check", "-"], BAD);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("<stdin>:4:9"), "{}", text(&output.stdout));
}

#[test]
fn what_the_baseline_has_does_not_fail_and_what_comes_later_does() {
    let folder = tempdir().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    write("bad.yaml", BAD);
    let recorded = ebbtide(folder.path(), &["check", "--write-baseline", "known.json", "."]);
    assert_eq!(recorded.status.code(), Some(0), "{}", text(&recorded.stderr));
    assert!(
        text(&recorded.stdout).contains("0 errors, 0 warnings, 1 in the baseline"),
        "{}",
        text(&recorded.stdout)
    );
    let check = || ebbtide(folder.path(), &["check", "--baseline", "known.json", "."]);
    assert_eq!(check().status.code(), Some(0));
    write("later.yaml", &BAD.replace("name: api\n  ann", "name: later\n  ann"));
    assert_eq!(check().status.code(), Some(1));
    fs::remove_file(folder.path().join("later.yaml")).unwrap();
    write("bad.yaml", &BAD.replace("40s", "4s"));
    let stale = check();
    assert!(
        stale.status.code() == Some(0) && text(&stale.stdout).contains("stale entry"),
        "{}",
        text(&stale.stdout)
    );
    for (name, content) in [("broken.json", "{"), ("missing.json", "")] {
        if !content.is_empty() {
            write(name, content);
        }
        let refused = ebbtide(folder.path(), &["check", "--baseline", name, "bad.yaml"]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains(name), "{}", text(&refused.stderr));
    }
}

#[test]
fn the_timeline_is_drawn_and_a_file_that_cannot_be_read_is_named() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("bad.yaml"), BAD).unwrap();
    let drawn =
        ebbtide(folder.path(), &["timeline", "--format", "svg=a.svg", "--format", "html=a.html", "bad.yaml"]);
    let shown = text(&drawn.stdout);
    assert_eq!(drawn.status.code(), Some(0), "{}", text(&drawn.stderr));
    assert!(shown.contains("SIGKILL comes 12 s too early") && !shown.contains('\u{1b}'), "{shown}");
    for (name, begin) in [("a.svg", "<svg "), ("a.html", "<!DOCTYPE html>")] {
        assert!(fs::read_to_string(folder.path().join(name)).unwrap().starts_with(begin), "{name}");
    }
    fs::write(folder.path().join("broken.yaml"), "a: [\n").unwrap();
    let partly = ebbtide(folder.path(), &["timeline", "broken.yaml", "bad.yaml"]);
    assert_eq!((partly.status.code(), text(&partly.stdout)), (Some(2), shown));
    assert!(text(&partly.stderr).contains("broken.yaml:1"), "{}", text(&partly.stderr));
}

#[test]
fn the_file_of_the_project_sets_rules_and_threshold_and_an_option_replaces_them() {
    let folder = tempdir().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    fs::create_dir_all(folder.path().join("legacy")).unwrap();
    write("bad.yaml", BAD);
    write("legacy/bad.yaml", BAD);
    write("warned.yaml", WARNED);
    let code = |words: &[&str]| ebbtide(folder.path(), &[&["check"], words].concat()).status.code();
    assert_eq!((code(&["bad.yaml"]), code(&["warned.yaml"])), (Some(1), Some(0)));
    write("ebbtide.toml", "[check]\nignore = [\"K001\"]\nfail-on = \"warning\"\n");
    assert_eq!((code(&["bad.yaml"]), code(&["warned.yaml"])), (Some(0), Some(1)));
    assert_eq!(
        (code(&["--ignore", "K002", "bad.yaml"]), code(&["--fail-on", "error", "warned.yaml"])),
        (Some(1), Some(0))
    );
    write("ebbtide.toml", "[check.per-path-ignores]\n\"/legacy/\" = [\"K001\"]\n");
    assert_eq!(
        (code(&["bad.yaml"]), code(&["legacy/bad.yaml"]), code(&["legacy"])),
        (Some(1), Some(0), Some(0))
    );
    // A pattern of no file is noted if all of them are checked.
    write("ebbtide.toml", "[check.per-path-ignores]\n\"/legacy/\" = [\"K001\"]\n\"/gone/\" = [\"K001\"]\n");
    let noted = |path: &str| text(&ebbtide(folder.path(), &["check", path]).stdout);
    let note = "pattern `/gone/` of per-path-ignores matches none of the files";
    assert!(noted(".").contains(note) && !noted(".").contains("`/legacy/`"), "{}", noted("."));
    assert!(!noted("legacy").contains(note), "{}", noted("legacy"));
    write("ebbtide.toml", "[check.per-path-ignores]\n\"legacy[\" = [\"K001\"]\n");
    let refused = ebbtide(folder.path(), &["check", "bad.yaml"]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said.contains("ebbtide.toml:2:1: invalid pattern `legacy[`")
            && said.contains("hint: patterns are those of .gitignore"),
        "{said}"
    );
    write("ebbtide.toml", "[check]\nselct = []\n");
    let refused = ebbtide(folder.path(), &["check", "bad.yaml"]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said.contains("ebbtide.toml:2:1: unknown field `selct`")
            && said.contains("hint: the section [check] has"),
        "{said}"
    );
}

/// A shell would show a page of names otherwise.
#[test]
fn a_name_that_does_not_exist_is_answered_with_the_nearest_ones() {
    let folder = tempdir().unwrap();
    for (words, expected) in [
        (&["explain", "K999"][..], "error: no check and no rule is called `K999`\nhint: similar: `K009`, "),
        (&["explain", "exit-cod"], "hint: similar: `exit-code`; `ebbtide explain` lists all names\n"),
        (&["explain", ""], "hint: `ebbtide explain` lists all names\n"),
        (&["check", "--select", "K0O1", "."], "error: unknown rule `K0O1`\nhint: similar: `K001`, "),
    ] {
        let output = ebbtide(folder.path(), words);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{words:?}");
        assert!(said.contains(expected) && said.lines().count() == 2, "{words:?}: {said}");
    }
    let by_name = ebbtide(folder.path(), &["explain", "Budget-Overrun"]);
    assert!(text(&by_name.stdout).starts_with("# K001 "), "{}", text(&by_name.stdout));
}

/// Each of them waited for a writer that never came.
#[test]
fn a_fifo_is_refused_wherever_a_file_is_named() {
    let folder = tempdir().unwrap();
    assert!(Command::new("mkfifo").arg(folder.path().join("pod.yaml")).status().unwrap().success());
    for words in [
        &["check", "pod.yaml"][..],
        &["check", "."],
        &["check", "--fix", "."],
        &["check", "--plan", "pod.yaml", "."],
        &["check", "--baseline", "pod.yaml", "."],
        &["timeline", "."],
        &["plan", "--for", "ecs", "pod.yaml"],
    ] {
        let output = ebbtide(folder.path(), words);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(
            said.contains("not a regular file: a FIFO") && said.contains("pod.yaml"),
            "{words:?}: {said}"
        );
    }
    fs::rename(folder.path().join("pod.yaml"), folder.path().join("ebbtide.toml")).unwrap();
    let output = ebbtide(folder.path(), &["check", "."]);
    assert!(
        text(&output.stderr).contains("ebbtide.toml: not a regular file: a FIFO"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_workload_without_a_limit_and_one_without_any_time_are_named_in_the_timeline() {
    let folder = tempdir().unwrap();
    let unit = "[Service]\nExecStart=/bin/a\nTimeoutStopSec=";
    for (grace, remark) in [("infinity", Some("no limit: SIGKILL never comes")), ("90", None)] {
        fs::write(folder.path().join("a.service"), format!("{unit}{grace}\n")).unwrap();
        let drawn = text(&ebbtide(folder.path(), &["timeline", "a.service"]).stdout);
        assert_eq!(drawn.contains("no limit"), remark.is_some(), "{drawn}");
        assert!(remark.is_none_or(|remark| drawn.contains(remark)), "{drawn}");
    }
    fs::write(folder.path().join("pod.yaml"), WARNED).unwrap();
    let drawn = text(&ebbtide(folder.path(), &["timeline", "pod.yaml"]).stdout);
    assert!(drawn.contains("SIGKILL comes at once: there is no time to stop"), "{drawn}");
}
