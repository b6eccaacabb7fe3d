//! A separate process for a test that changes or reads process-wide state: signal handlers, threads, the global recorder of
//! metrics, the interest that `tracing` caches for each span.
#![expect(clippy::expect_used, clippy::panic, reason = "a panic in a helper fails its test")]

use std::process::Command;

const CHILD: &str = "EBBTIDE_TEST_OWN_PROCESS";

/// Returns whether this process was started by [`command`].
pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Returns the command that runs only the test `name` of this binary, in a separate process.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the program has a path"));
    command.args(["--exact", name, "--nocapture"]).env(CHILD, "1");
    command
}

/// Runs the body of the test `name` in a separate process. Fails when the body fails there, or when no test has that name.
pub(crate) fn run(name: &str, body: impl FnOnce()) {
    if is_child() {
        return body();
    }
    let output = command(name).output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !text.contains("test result: ok. 1 passed") {
        panic!("{name}: {}\n{text}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
}
