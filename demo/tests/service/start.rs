use std::net::TcpListener;
use std::process::{Command, Stdio};

use ebbtide_demo::queue::QueueKind;

use super::process::{folder, program};

/// Runs the service, which is to end by itself, and returns its exit code and what it said.
fn refused(options: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(program());
    command.args(options).env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
    let output = command.output().expect("the example `demo` runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_start_that_fails_is_exit_code_1_and_says_what_to_do() {
    let folder = folder();
    let data = folder.path().to_str().expect("a plain path");
    let file = format!("{data}/file");
    std::fs::write(&file, "").expect("written");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    let nobody = "postgres://nobody:secret@127.0.0.1:1/none";
    let here = ["--data", data, "--listen", "127.0.0.1:0", "--queue"];
    let on = |broker| [here.as_slice(), &[broker]].concat();
    for (kind, variable, url) in [
        (QueueKind::Redis, "REDIS_URL", "redis://:secret@127.0.0.1:1"),
        (QueueKind::Rabbitmq, "AMQP_URL", "amqp://nobody:secret@127.0.0.1:1/%2f"),
        (QueueKind::Nats, "NATS_URL", "nats://nobody:secret@127.0.0.1:1"),
    ] {
        if kind.missing_feature().is_some() {
            continue;
        }
        let broker = kind.name();
        let (code, said) = refused(&on(broker), &[(variable, url)]);
        let told = said.contains(&format!("failed to open the queue on {broker}")) && said.contains(variable);
        assert!(code == Some(1) && told && !said.contains("secret"), "{broker} {code:?}: {said}");
    }
    for (options, environment, hint) in [
        (["--data", data, "--listen", &taken], [].as_slice(), "give another address with --listen"),
        (["--data", data, "--listen", "nonsense"], &[], "give another address with --listen"),
        (["--data", &file, "--listen", "127.0.0.1:0"], &[], "give another one with --data"),
        (["--data", data, "--grace", "1ms"], &[], "raise the grace period"),
        (["--data", data, "--listen", "127.0.0.1:0"], &[("DATABASE_URL", nobody)], "the PostgreSQL database"),
    ] {
        if !environment.is_empty() && QueueKind::Postgres.missing_feature().is_some() {
            continue;
        }
        let (code, said) = refused(&options, environment);
        assert!(
            code == Some(1) && said.contains(hint) && !said.contains("secret"),
            "{options:?} {code:?}: {said}"
        );
    }
}
