//! Several runs, and two commands.

use std::process::Output;

use crate::common::{SMALL, ebbtide, need, service, verdict};
use crate::ports::free_port;

/// Rehearses a Python service with these options.
fn rehearse(script: &str, port: u16, options: &[&str]) -> Output {
    let mut command = ebbtide();
    command.args([
        "rehearse",
        "--quiet",
        "--format=json",
        "--url=storm=/",
        "--url=keepalive=/",
        "--url=open=/",
    ]);
    command.arg(format!("--ready=http://127.0.0.1:{port}/readyz")).args(SMALL).args(options);
    command.args(["--", "python3"]).arg(service(script)).arg(port.to_string()).output().unwrap()
}

#[test]
fn the_first_run_that_fails_is_the_last_one_and_a_service_that_passes_has_all_runs() {
    need("python3");
    let runs = |script, options: &[&str]| {
        let output = rehearse(script, free_port(), options);
        (output.status.code(), verdict(&output)["runs"].as_array().unwrap().len())
    };
    assert_eq!(runs("naive.py", &["--until-failure"]), (Some(1), 1));
    assert_eq!(runs("naive.py", &["--repeat=2"]), (Some(1), 2));
    assert_eq!(runs("careful.py", &["--until-failure", "--repeat=2"]), (Some(0), 2));
}

#[test]
fn two_commands_are_rehearsed_and_the_one_after_the_dashes_decides() {
    need("python3");
    let port = free_port();
    let old = format!("--compare=python3 '{}' {port}", service("naive.py").display());
    let output = rehearse("careful.py", port, &[&old]);
    let verdict = verdict(&output);
    assert_eq!(output.status.code(), Some(0), "{verdict:#}");
    assert_eq!((&verdict["verdict"], &verdict["compared_with"]["verdict"]), (&"pass".into(), &"fail".into()));
    for (bad, message) in [("", "invalid --compare ``"), ("./old 'a", "invalid --compare `./old 'a`")] {
        let output = rehearse("careful.py", port, &[&format!("--compare={bad}")]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(message) && said.contains("\nhint: "), "{said}");
    }
}
