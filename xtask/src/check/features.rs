//! Checks that each crate compiles without a warning when a user enables only some of its features.

use serde_json::Value;

use super::cargo::{lint_benchmarks, metadata};
use crate::failure::Failure;
use crate::shell;
use crate::steps::Steps;

const LIBRARY: &str = "ebbtide";

/// Typical sets of features of the library. [`check`] takes the first two, and [`matrix`] also each feature alone.
const COMBINATIONS: [&str; 4] = ["", "http", "axum,tower", "cron,queue,testing"];

/// The other crates with optional parts, once for each set of features; ebbtide-rehearse is checked with none.
const OTHER_CRATES_WITH_FEATURES: [(&str, &str); 7] = [
    ("ebbtide-http1", ""),
    ("ebbtide-http1", "client"),
    ("ebbtide-redis", ""),
    ("ebbtide-rehearse", ""),
    ("ebbtide-sqlx", ""),
    ("ebbtide-sqlx", "postgres"),
    ("ebbtide-sqlx", "sqlite"),
];

/// The remaining crates, checked by [`matrix`] only.
const FURTHER: [&str; 6] = [
    "ebbtide-nats",
    "ebbtide-opentelemetry",
    "ebbtide-rabbitmq",
    "ebbtide-sqs",
    "ebbtide-tonic",
    "ebbtide-tracing-appender",
];

/// The broker features of the command and the demo, checked one at a time.
const BROKERS: [&str; 4] = ["nats", "postgres", "rabbitmq", "redis"];

/// Checks the smallest library, the library as a server, the smallest HTTP/1 parser, and the binaries with one broker.
///
/// The tests compile other sets: the README's program (axum, http, sqlx with PostgreSQL), the command without features (SQLite, an
/// engine without databases), and all features together. [`matrix`] covers the rest.
///
/// # Errors
///
/// When a combination does not compile without a warning.
pub(super) fn check() -> Result<(), Failure> {
    COMBINATIONS.into_iter().take(2).try_for_each(library_with)?;
    alone("ebbtide-http1", "")?;
    command_in_workspace_with("postgres")
}

/// Checks the binaries and their tests with one broker. The rest of the workspace has all its features.
fn command_in_workspace_with(broker: &str) -> Result<(), Failure> {
    let arguments = workspace_and_command_with(&[broker])?;
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    arguments.push("--all-targets");
    clippy(&arguments)
}

/// Returns the arguments that select the workspace with all its features, except for the binaries, which have only these brokers,
/// and the engine of a rehearsal, which has what the binaries turn on.
///
/// Only those crates are compiled again. What the binaries miss without the rest of the workspace, [`matrix`] finds.
///
/// # Errors
///
/// When cargo's metadata cannot be read.
pub(crate) fn workspace_and_command_with(brokers: &[&str]) -> Result<Vec<String>, Failure> {
    // These turn on features of the binaries, and of the clients that the binaries do not have.
    const EXCLUDED: [&str; 2] = ["ebbtide-tests", "ebbtide-sqs"];
    const BINARIES: [&str; 2] = ["ebbtide-cli", "ebbtide-demo"];
    const ENGINE: &str = "ebbtide-rehearse";
    let mut enabled = Vec::new();
    for package in BINARIES {
        enabled.extend(brokers.iter().map(|broker| format!("{package}/{broker}")));
    }
    for (package, features) in features_of_workspace()? {
        if !EXCLUDED.contains(&&*package) && !BINARIES.contains(&&*package) && package != ENGINE {
            enabled.extend(features.into_iter().map(|feature| format!("{package}/{feature}")));
        }
    }
    let enabled = enabled.join(",");
    let mut arguments = vec!["--workspace", "--features", &enabled];
    arguments.extend(EXCLUDED.iter().flat_map(|package| ["--exclude", package]));
    Ok(arguments.into_iter().map(str::to_owned).collect())
}

/// Checks one of the other crates alone.
fn alone(package: &str, features: &str) -> Result<(), Failure> {
    clippy(&["--package", package, "--lib", "--features", features])
}

/// Checks the binaries and their tests with one broker.
fn command_with(broker: &str) -> Result<(), Failure> {
    clippy(&["--package", "ebbtide-cli", "--package", "ebbtide-demo", "--all-targets", "--features", broker])
}

/// Checks the library without features, with each feature alone, and with all of them; each other crate alone; the binaries
/// without a broker and with each broker alone; and the benchmarks with all features.
pub(crate) fn matrix(steps: &mut Steps) {
    steps.run("typical sets", || COMBINATIONS.into_iter().try_for_each(library_with));
    steps.run("all features", || clippy(&["--package", LIBRARY, "--lib", "--all-features"]));
    steps.run("each feature alone", || features()?.iter().try_for_each(|feature| library_with(feature)));
    steps.run("each other crate alone", || {
        OTHER_CRATES_WITH_FEATURES
            .into_iter()
            .try_for_each(|(package, features)| alone(package, features))?;
        FURTHER.into_iter().try_for_each(|package| alone(package, ""))
    });
    steps.run("no broker", || clippy(&["--package", "ebbtide-cli", "--bins"]));
    steps.run("benchmarks with every peer", || lint_benchmarks(&[]));
    steps.run("each broker alone", || BROKERS.into_iter().try_for_each(command_with));
}

fn library_with(features: &str) -> Result<(), Failure> {
    clippy(&["--package", LIBRARY, "--lib", "--no-default-features", "--features", features])
}

fn clippy(arguments: &[&str]) -> Result<(), Failure> {
    let mut cargo = shell::cargo(&["clippy", "--quiet"]);
    // A flag of clippy: changing `RUSTFLAGS` would compile every dependency once more.
    shell::run(cargo.args(arguments).args(["--", "-Dwarnings"]))
}

/// Returns the features of the library.
fn features() -> Result<Vec<String>, Failure> {
    let library = features_of_workspace()?.into_iter().find(|(package, _)| package == LIBRARY);
    Ok(library.map(|(_, features)| features).unwrap_or_default())
}

/// Returns every package of the workspace with its features, without `default`.
fn features_of_workspace() -> Result<Vec<(String, Vec<String>)>, Failure> {
    let packages = metadata()?;
    // A package of the workspace has no source.
    let ours = packages.iter().filter(|package| package.get("source").is_some_and(Value::is_null));
    let features = |package: &Value| -> Option<(String, Vec<String>)> {
        let names = package.get("features")?.as_object()?.keys().filter(|name| *name != "default");
        Some((package.get("name")?.as_str()?.to_owned(), names.cloned().collect()))
    };
    Ok(ours.filter_map(features).collect())
}
