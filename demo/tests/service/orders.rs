//! Orders over HTTP, and a start that fails.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use ebbtide_demo::queue::QueueKind;

use super::client::{get, order, post, receive, send};
use super::process::{Demo, folder, program};

#[test]
fn an_order_is_stored_and_then_processed() {
    let folder = folder();
    let demo = Demo::start(&folder, &[]);
    let id = order(demo.address);
    let state = loop {
        let answer = get(demo.address, &format!("/orders/{id}")).expect("answered");
        assert_eq!((answer.status, &answer.json()["quantity"]), (200, &2.into()), "{}", answer.body);
        match answer.json()["state"].as_str() {
            Some("stored" | "queued" | "processing") => {}
            state => break state.map(str::to_owned),
        }
    };
    assert_eq!(state.as_deref(), Some("done"));
    let counts = get(demo.address, "/orders").expect("answered").json();
    assert_eq!(counts, serde_json::json!({ "stored": 0, "queued": 0, "processing": 0, "done": 1 }));
}

#[test]
fn invalid_requests_get_status_400_or_404_and_a_json_error() {
    let folder = folder();
    let demo = Demo::start(&folder, &[]);
    for (body, hint) in [
        ("", "expected application/json such as"),
        (r#"{"item": 3}"#, "expected application/json such as"),
        (r#"{"item": "tea", "colour": "red"}"#, "colour"),
        (r#"{"item": " "}"#, "`item` must be"),
        (r#"{"item": "tea", "quantity": 0}"#, "`quantity` must be"),
        (r#"{"item": "tea", "quantity": 99999999999}"#, "expected application/json such as"),
    ] {
        let answer = post(demo.address, body).expect("answered");
        let error = answer.json()["error"].as_str().expect("an error").to_owned();
        assert!(answer.status == 400 && error.contains(hint), "{body}: {} {error}", answer.status);
    }
    for (path, status) in
        [("/orders/nobody", 404), ("/nowhere", 404), ("/slow?ms=soon", 400), ("/orders/%ff", 400)]
    {
        let answer = get(demo.address, path).expect("answered");
        assert!(answer.status == status && answer.json()["error"].is_string(), "{path}: {}", answer.status);
    }
    assert_eq!(get(demo.address, "/orders").expect("answered").json()["done"], 0);
}

#[test]
fn the_plain_routes_and_the_probes_answer() {
    let folder = folder();
    let demo = Demo::start(&folder, &[]);
    assert_eq!(get(demo.address, "/ping").expect("answered").body, "pong");
    assert_eq!(get(demo.address, "/slow?ms=1").expect("answered").body, "answered after 1 ms\n");
    for probe in ["/livez", "/readyz", "/startupz", "/healthz"] {
        assert_eq!(get(demo.address, probe).expect("answered").status, 200, "{probe}");
    }
}

#[test]
fn orders_beyond_the_intake_capacity_wait_and_are_accepted() {
    let folder = folder();
    let demo = Demo::start(&folder, &[]);
    let body = Some(r#"{"item": "tea"}"#);
    // 16 at a time, and 256 that wait for them.
    let sent: Vec<_> = (0..500).map(|_| send(demo.address, "POST", "/orders", body).expect("sent")).collect();
    for stream in sent {
        assert_eq!(receive(stream).expect("answered").status, 201);
    }
    let counts = get(demo.address, "/orders").expect("answered").json();
    let sum: i64 =
        ["stored", "queued", "processing", "done"].iter().filter_map(|state| counts[state].as_i64()).sum();
    assert_eq!(sum, 500);
}

/// Runs the service, which is to end by itself, and returns its exit code and what it said.
fn refused(options: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(program());
    command.args(options).env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
    let output = command.output().expect("the example `demo` runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_failed_start_exits_1_and_says_what_failed_without_the_password() {
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
        (["--data", data, "--listen", &taken], [].as_slice(), "(--listen)"),
        (["--data", data, "--listen", "nonsense"], &[], "cannot listen on nonsense (--listen)"),
        (["--data", &file, "--listen", "127.0.0.1:0"], &[], "(--data)"),
        (["--data", data, "--grace", "1ms"], &[], "invalid budget: 1ms (grace period)"),
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
