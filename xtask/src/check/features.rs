//! The crates have to compile without a warning for those who take only a part of them.

use serde_json::Value;

use super::cargo::{lint_benchmarks, metadata};
use crate::failure::Failure;
use crate::shell;
use crate::steps::Steps;

const LIBRARY: &str = "ebbtide";

/// What users take together. Each further one of the library alone: [`matrix`].
const COMBINATIONS: [&str; 4] = ["", "http", "axum,tower", "cron,queue,testing"];

/// The crates beside the library that have features, with each set of theirs, and one of the others.
const BESIDE: [(&str, &str); 7] = [
    ("ebbtide-http1", ""),
    ("ebbtide-http1", "client"),
    ("ebbtide-redis", ""),
    ("ebbtide-rehearse", ""),
    ("ebbtide-sqlx", ""),
    ("ebbtide-sqlx", "postgres"),
    ("ebbtide-sqlx", "sqlite"),
];

/// The rest of them.
const FURTHER: [&str; 6] = [
    "ebbtide-nats",
    "ebbtide-opentelemetry",
    "ebbtide-rabbitmq",
    "ebbtide-sqs",
    "ebbtide-tonic",
    "ebbtide-tracing-appender",
];

/// The brokers that the command and the demo are built with by a feature, one at a time.
const BROKERS: [&str; 4] = ["nats", "postgres", "rabbitmq", "redis"];

/// Checks the library with each of the sets of features that users have, some of the crates beside it alone, and the programs with a
/// broker. As they are by default the tests build them. The rest, one at a time, is [`matrix`]'s.
///
/// # Errors
///
/// When one of them does not compile, or not without a warning.
pub(super) fn check() -> Result<(), Failure> {
    COMBINATIONS.into_iter().try_for_each(library_with)?;
    BESIDE.into_iter().try_for_each(|(package, features)| alone(package, features))?;
    command_with("postgres")
}

/// Checks a crate beside the library with nothing else.
fn alone(package: &str, features: &str) -> Result<(), Failure> {
    clippy(&["--package", package, "--lib", "--features", features])
}

/// Checks the programs with one broker, their tests too.
fn command_with(broker: &str) -> Result<(), Failure> {
    clippy(&["--package", "ebbtide-cli", "--package", "ebbtide-demo", "--all-targets", "--features", broker])
}

/// Checks the library alone, with each of its features alone, and with all of them; each crate beside it alone; the programs without
/// a broker and with each alone; and the benchmarks whole.
pub(crate) fn matrix(steps: &mut Steps) {
    steps.run("no feature", || library_with(""));
    steps.run("all features", || clippy(&["--package", LIBRARY, "--lib", "--all-features"]));
    steps.run("each feature alone", || features()?.iter().try_for_each(|feature| library_with(feature)));
    steps.run("each crate beside it alone", || {
        BESIDE.into_iter().try_for_each(|(package, features)| alone(package, features))?;
        FURTHER.into_iter().try_for_each(|package| alone(package, ""))
    });
    steps.run("no broker", || clippy(&["--package", "ebbtide-cli", "--bins"]));
    steps.run("benchmarks with every side", || lint_benchmarks(&[]));
    steps.run("each broker alone", || BROKERS.into_iter().try_for_each(command_with));
}

fn library_with(features: &str) -> Result<(), Failure> {
    clippy(&["--package", LIBRARY, "--lib", "--no-default-features", "--features", features])
}

fn clippy(arguments: &[&str]) -> Result<(), Failure> {
    let mut cargo = shell::cargo(&["clippy", "--quiet"]);
    // Clippy's own flag: `RUSTFLAGS` would compile every dependency once more.
    shell::run(cargo.args(arguments).args(["--", "-Dwarnings"]))
}

fn features() -> Result<Vec<String>, Failure> {
    let packages = metadata()?;
    let library =
        packages.iter().find(|package| package.get("name").and_then(Value::as_str) == Some(LIBRARY));
    let features = library.and_then(|package| package.get("features")).and_then(Value::as_object);
    let names = features.into_iter().flat_map(|features| features.keys());
    Ok(names.filter(|name| *name != "default").cloned().collect())
}
