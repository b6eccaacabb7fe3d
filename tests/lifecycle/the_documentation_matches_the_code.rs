//! The documentation matches the code.
//!
//! The program in the README compiles as printed, with the dependencies that are printed above it.
//!
//! The table of the library's features is complete.
//!
//! The list of functions that take a duration is complete.
//!
//! The program of all test services refuses an unknown service name.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use ebbtide_tests::service_program;

// The README.

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const README: &str = include_str!("../../README.md");

/// Returns the README's code blocks in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    README.split(&fence).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

/// Returns the profiles of this workspace.
fn profiles() -> &'static str {
    let manifest = include_str!("../../Cargo.toml");
    manifest.find("[profile.dev]").map(|start| &manifest[start..]).expect("profiles")
}

/// Checks a program with the README's dependencies in a separate package.
///
/// It uses the versions of this workspace's lock file, so it needs no network, and this workspace's target folder and profiles, so
/// that dependencies with the same features are not compiled again.
fn check(program: &str) -> Output {
    let (folder, root) = (tempfile::tempdir().expect("a folder"), Path::new(ROOT));
    let dependencies = blocks("toml")[0].replace("\"../ebbtide/crates/", &format!("\"{ROOT}/crates/"));
    let manifest = format!(
        "[package]\nname = \"readme\"\nedition = \"2024\"\n\n[lints.rust]\nwarnings = \"deny\"\n\n[workspace]\n\n{dependencies}\n\n{}",
        profiles(),
    );
    fs::write(folder.path().join("Cargo.toml"), manifest).expect("written");
    fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock")).expect("the lock file");
    fs::create_dir(folder.path().join("src")).expect("a folder");
    fs::write(folder.path().join("src/main.rs"), program).expect("written");
    let test = std::env::current_exe().expect("its path");
    let target = test.ancestors().nth(3).expect("a target folder");
    let mut check = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    check.args(["check", "--offline", "--quiet", "--target-dir"]).arg(target);
    check.current_dir(folder.path()).output().expect("cargo starts")
}

#[test]
fn the_program_in_the_readme_compiles_as_printed() {
    let programs = blocks("rust");
    assert_eq!(programs.len(), 1, "expected one program; each needs its dependencies here");
    let checked = check(programs[0]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    // The opposite: a program that does not compile is detected.
    let broken = check(&programs[0].replace("send_email)", "send_mail)"));
    let said = String::from_utf8_lossy(&broken.stderr);
    assert!(!broken.status.success() && said.contains("send_mail"), "{said}");
}

// The table of features.

#[test]
fn every_feature_of_the_library_has_its_row_in_its_documentation() {
    let manifest = include_str!("../../crates/ebbtide/Cargo.toml");
    let features = manifest.split("[features]\n").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap();
    let named = features.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    let names: BTreeSet<&str> = named.filter_map(|line| line.split(" = ").next()).collect();
    let pages = include_str!("../../crates/ebbtide/src/lib.rs");
    let rows = pages.lines().filter_map(|line| line.strip_prefix("//! | `")?.split("` |").next());
    let rows: BTreeSet<&str> = rows.collect();
    assert_eq!(rows, names.difference(&BTreeSet::from(["default"])).copied().collect());
}

// Functions that take a duration.

/// Every public function that takes a duration, by file and name, and where its limits are tested.
const TAKE_A_TIME: [(&str, &str); 61] = [
    ("call/call.rs timeout", COMPONENTS),
    ("ebbtide-nats/builder.rs lease", QUEUES),
    ("ebbtide-redis/builder.rs lease", QUEUES),
    ("ebbtide-sqlx/postgres/queue.rs lease_for", QUEUES),
    ("ebbtide-sqlx/postgres/queue.rs poll_every", QUEUES),
    ("ebbtide-sqlx/postgres/queue.rs poll_only", QUEUES),
    ("ebbtide-sqlx/sqlite/queue.rs lease_for", QUEUES),
    ("ebbtide-sqlx/sqlite/queue.rs poll_every", QUEUES),
    ("ebbtide-sqlx/table/job.rs after", QUEUES),
    ("ebbtide-sqs/builder.rs lease", "queue/sqs/operations.rs here: it is refused outside the bounds of SQS"),
    ("ebbtide-sqs/builder.rs poll", "it is limited to the bounds of SQS"),
    ("ebbtide-tracing-appender/appender.rs flush", "tests/flush.rs of that crate"),
    ("http/server.rs announce_over", SERVER),
    ("http/server.rs first_byte_grace", SERVER),
    ("http/server.rs handshake_timeout", SERVER),
    ("http/server.rs header_timeout", SERVER),
    ("http/server.rs idle_quiet", SERVER),
    ("http/server.rs keep_alive_timeout", SERVER),
    ("http/server.rs linger", SERVER),
    ("http/server.rs refusal_time", SERVER),
    ("http/server.rs request_timeout", SERVER),
    ("http/server.rs sse_retry", SERVER),
    ("http/server.rs stall_timeout", SERVER),
    ("http/standalone/serve.rs grace_period", SERVER),
    ("http/standalone/serve.rs lame_duck", SERVER),
    ("http/standalone/serve.rs margin", SERVER),
    ("layer/handler_stop.rs of", COMPONENTS),
    ("lifecycle/builder.rs grace", LIFECYCLE),
    ("lifecycle/builder.rs lame_duck", LIFECYCLE),
    ("lifecycle/builder.rs margin", LIFECYCLE),
    ("lifecycle/builder.rs progress_every", LIFECYCLE),
    ("lifecycle/builder.rs reserve", LIFECYCLE),
    ("lifecycle/builder.rs signal_guard", LIFECYCLE),
    ("lifecycle/builder.rs try_on_flush", TOLD),
    ("lifecycle/hook.rs at_exit", TOLD),
    ("lifecycle/handle_of.rs at_exit", TOLD),
    ("lifecycle/handle_of.rs try_on_flush", TOLD),
    ("lifecycle/handle_of.rs within", COMPONENTS),
    ("lifecycle/handle.rs within", COMPONENTS),
    ("lifecycle/pool/sender.rs send_within", COMPONENTS),
    ("lifecycle/hook.rs try_on_flush", TOLD),
    ("lifecycle/retry.rs timeout", COMPONENTS),
    ("lifecycle/ticker/every.rs delay", COMPONENTS),
    ("lifecycle/ticker/every.rs jitter", COMPONENTS),
    ("lifecycle/ticker/every.rs rate", COMPONENTS),
    ("model/budget.rs exactly", LIFECYCLE),
    ("model/budget.rs reserve", LIFECYCLE),
    ("model/check/settings.rs critical", COMPONENTS),
    ("model/check/settings.rs every", COMPONENTS),
    ("model/check/settings.rs timeout", COMPONENTS),
    ("model/check/standing.rs judge", MACHINE),
    ("model/machine/state.rs step", MACHINE),
    ("model/plan.rs is_second_signal", MACHINE),
    ("model/snapshot.rs new", "it is stored unchanged"),
    ("model/time.rs part", "unit tests"),
    ("model/time.rs show_duration", "it compares with and divides by constants"),
    ("queue/options.rs requeue", COMPONENTS),
    ("util/backoff.rs new", COMPONENTS),
    ("util/clock.rs after", "it is hidden, and at most thirty years"),
    ("testing/queue/memory.rs new", COMPONENTS),
    ("ws/graceful.rs answer_within", COMPONENTS),
];

const LIFECYCLE: &str = "crates/ebbtide/tests/library/times/settings.rs";
const COMPONENTS: &str = "crates/ebbtide/tests/library/times/components.rs";
const SERVER: &str = "crates/ebbtide/tests/library/times/settings.rs";
const QUEUES: &str = "promises.rs in the folder of the adapter, tests/queue";
/// It takes a closure that receives a duration.
const TOLD: &str = "a closure receives the time left";
/// The state machine receives instants; `tests/core/machine` tests it with any plan.
const MACHINE: &str = "the state machine receives the current instant";

#[test]
fn every_function_that_takes_a_duration_is_listed_with_its_tests() {
    let mut found = BTreeSet::new();
    for (name, sources) in ebbtide_tests::library_crates() {
        // Items that the library re-exports are listed without a prefix.
        let prefix = match name.as_str() {
            "ebbtide" | "ebbtide-core" => String::new(),
            _ => format!("{name}/"),
        };
        look_in(&prefix, &sources, &sources, &mut found);
    }
    let listed: BTreeSet<String> = TAKE_A_TIME.iter().map(|(name, _)| (*name).to_owned()).collect();
    let missing: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not listed: {missing:#?}; not there: {gone:#?}");
}

fn look_in(prefix: &str, root: &Path, folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            look_in(prefix, root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let file = path.strip_prefix(root).unwrap().display().to_string();
            // Code after `mod tests` is not public.
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            found.extend(that_take_a_time(code).map(|name| format!("{prefix}{file} {name}")));
        }
    }
}

/// Returns the names of the public functions with a duration parameter.
fn that_take_a_time(code: &str) -> impl Iterator<Item = &str> {
    code.split("pub ").skip(1).filter_map(|item| {
        let item = item.trim_start_matches("const ").trim_start_matches("async ").strip_prefix("fn ")?;
        let head = item.split(['{', ';']).next()?;
        let name = head.split(['(', '<']).next()?;
        // A returned duration does not count; a closure's arrow is not a return.
        let taken = if head.contains("Fn") { head } else { head.split("->").next()? };
        let forms = [": Duration", "<Duration>", "(Duration)", ": LameDuck"];
        let takes = forms.iter().any(|form| taken.contains(form));
        takes.then_some(name)
    })
}

// The program of all test services.

#[test]
fn an_unknown_or_missing_name_is_refused_with_the_list() {
    for arguments in [&[][..], &["nothing"], &["--listen", "shapes"]] {
        let output = Command::new(service_program()).args(arguments).output().expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}: {said}");
        assert!(["shapes", "victim", "worker"].iter().all(|name| said.contains(name)), "{said}");
    }
}
