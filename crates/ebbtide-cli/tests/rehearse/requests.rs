//! What the requests of the load are: their methods, headers and bodies, and the options that are refused.

use std::fs;

use crate::common::ebbtide;
use crate::scene::{Row, Says, holds};

/// Requests as the service `particular` wants them.
const WANTED: [&str; 6] = [
    "--header=X-Tenant: a",
    "--header=x-tenant: b",
    "--host=shop.example.org",
    "--url=open=/items",
    "--url=keepalive=GET:/items",
    r#"--body={"name": "pen"}"#,
];

#[test]
fn every_request_has_the_given_headers_host_and_body() {
    let seen = holds(&Row::innocent("particular", &WANTED));
    let routes = seen.verdict.as_ref().unwrap()["runs"][0]["routes"].to_string();
    // The method of a route that has none is POST when there is a body.
    for route in ["POST /items", "GET /items", "POST /slow/{ms}", "POST /"] {
        assert!(routes.contains(&format!("\"{route}\"")), "{route}: {routes}");
    }
    assert!(!routes.contains("\"GET /\""), "{routes}");
    assert!(!seen.evidence("phases-served").contains("POST"), "{}", seen.evidence("phases-served"));
}

#[test]
fn a_request_without_the_wanted_headers_host_or_body_is_noticed() {
    let no_host: &[&str] = &["--ready-timeout=8s", "--header=X-Tenant: a", "--header=X-Tenant: b"];
    let seen = holds(&Row::innocent("particular", no_host).says(Says::NotRehearsed));
    assert!(seen.words().contains("/readyz answered 400"), "{}", seen.words());
    let no_body: &[&str] =
        &["--header=X-Tenant: a", "--header=X-Tenant: b", "--host=shop.example.org", "--method=POST"];
    let seen = holds(&Row::innocent("particular", no_body).says(Says::NotRehearsed));
    assert!(seen.words().contains("no route to load was found: POST / answers 400"), "{}", seen.words());
}

#[test]
fn a_service_that_loses_only_posts_fails_without_any_option() {
    holds(&Row::guilty(
        "drops-posts",
        &[("requests-answered", "open: "), ("phases-served", "half a body sent")],
    ));
    let seen = holds(&Row::innocent("drops-posts", &["--method=GET"]));
    assert!(seen.evidence("phases-served").contains("no POST route"), "{}", seen.evidence("phases-served"));
}

#[test]
fn a_service_that_answers_no_post_gets_none() {
    let seen = holds(&Row::innocent("gets-only", &[]));
    let routes = seen.verdict.as_ref().unwrap()["runs"][0]["routes"].to_string();
    assert!(routes.contains("\"GET /\"") && !routes.contains("POST"), "{routes}");
}

#[test]
fn a_body_may_be_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body.json");
    fs::write(&file, r#"{"name": "pen"}"#).unwrap();
    let option: &'static str = format!("--body-file={}", file.display()).leak();
    let options: &'static [&'static str] = Vec::leak([&WANTED[..5], &[option]].concat());
    holds(&Row::innocent("particular", options));
}

#[test]
fn options_that_cannot_be_sent_are_refused_before_the_service_starts() {
    let folder = tempfile::tempdir().unwrap();
    let missing = format!("--body-file={}", folder.path().join("none").display());
    let not_a_file = format!("--body-file={}", folder.path().display());
    let endless = "--body-file=/dev/zero".to_owned();
    for (options, words) in [
        (
            vec!["--header=X-Tenant"],
            "invalid header `X-Tenant` for '--header <NAME: VALUE>': expected NAME: VALUE",
        ),
        (vec!["--header=X Tenant: a"], "invalid header name `X Tenant`"),
        (vec!["--header=X-Tenant: a\nb"], "invalid value of header `x-tenant`"),
        (vec!["--header=Host: a"], "invalid header `host` for '--header <NAME: VALUE>': --host sets it"),
        (vec!["--header=Content-Length: 1"], "invalid header `content-length`"),
        (
            vec!["--host=http://a"],
            "invalid host `http://a` for '--host <NAME[:PORT]>': expected NAME or NAME:PORT",
        ),
        (vec!["--method=post"], "invalid method `post`"),
        (vec!["--body=a", "--body-file=b"], "cannot be used with '--body-file <FILE>'"),
        (vec!["--method=GET", "--body=a"], "error: the body is not sent: every request is a GET"),
        (vec!["--url=storm=GET:/", "--keepalive=0", "--open=0", "--body=a"], "error: the body is not sent"),
        (vec![&missing], "(--body-file): No such file"),
        (vec![&not_a_file], "(--body-file): Is a directory"),
        (vec![&endless], "(--body-file): longer than 64 MiB"),
        (vec!["--demo", "--method=POST"], "cannot be used with"),
        (vec!["--demo", "--body=a"], "cannot be used with"),
    ] {
        let mut command = ebbtide();
        command.args(["rehearse", "--quiet"]).args(&options);
        if !options.contains(&"--demo") {
            command.args(["--ready=1", "--", "/no/such/program"]);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{options:?}: {said}");
        assert!(said.contains(words), "{options:?}: {said}");
        assert!(output.stdout.is_empty(), "{options:?}");
    }
}

#[test]
fn readiness_with_another_status_is_reported_with_the_option_that_helps() {
    let seen: fn(&'static str, &[&str]) = |path, words| {
        let options: &'static [&'static str] = vec![path, "--ready-timeout=8s"].leak();
        let said = holds(&Row::innocent("perfect", options).says(Says::NotRehearsed)).words();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    };
    seen(
        "--ready=http://127.0.0.1:{port}/status/401",
        &["/status/401 answered 401", "hint: --header sends credentials"],
    );
    seen(
        "--ready=http://127.0.0.1:{port}/status/503",
        &["answered 503", "--ready-timeout gives it more time"],
    );
    seen("--ready=http://127.0.0.1:{port}/status/404", &["answered 404", "--ready http://HOST:PORT/PATH"]);
}

#[test]
fn a_platform_sets_signal_and_grace_and_explicit_options_win() {
    // `--grace=6s` is given for every row. The service handles SIGTERM alone.
    let seen = holds(&Row::innocent("perfect", &["--platform=docker"]));
    assert!(
        seen.evidence("exit-in-time").contains("(grace period 6 s)"),
        "{}",
        seen.evidence("exit-in-time")
    );
    holds(&Row::innocent("perfect", &["--platform=fly", "--signal=TERM"]));
    holds(&Row::guilty("perfect", &[("exit-code", "expected exit code 0")]).with(&["--platform=fly"]).torn());
}

#[test]
fn a_route_at_an_address_where_nothing_listens_is_named_with_it() {
    for route in ["--url=open=http://127.0.0.1:1/", "--url=storm=http://127.0.0.1:1/"] {
        let options: &'static [&'static str] = Vec::leak(vec![route]);
        let seen = holds(&Row::innocent("perfect", options).says(Says::NotRehearsed));
        let words = seen.words();
        let why = "requests of GET / at 127.0.0.1:1 failed before the signal (connection refused)\n";
        assert!(words.contains(why), "{words}");
        assert!(words.contains("hint: nothing listens at the address of that route"), "{words}");
    }
}

#[test]
fn a_handler_that_blocks_every_route_is_named_and_not_the_routes_that_wait_for_it() {
    const BLOCKED: [&str; 3] = ["--slow-time=400ms", "--warmup=2s", "--request-timeout=500ms"];
    let seen = holds(&Row::innocent("blocks", &BLOCKED).says(Says::NotRehearsed));
    let why = "requests of GET /slow/{ms} failed before the signal (accepted and not answered within the request timeout), and ";
    assert!(seen.words().contains(why) && seen.words().contains(" of GET /"), "{}", seen.words());
    assert!(
        seen.words().contains("hint: a handler that blocks its thread delays every route"),
        "{}",
        seen.words()
    );
    // The opposite: the same load and limits, without the block.
    holds(&Row::innocent("perfect", &["--warmup=2s", "--request-timeout=5s"]));
}

#[test]
fn the_default_load_does_not_compare_the_bodies_of_a_page_about_the_state_of_the_service() {
    let seen = holds(&Row::innocent("status-page", &["--slow=0"]));
    let notes = seen.verdict.as_ref().unwrap()["runs"][0]["notes"].to_string();
    assert!(notes.contains("its bodies were not compared; --url names a route"), "{notes}");
    // A page that the user names is one of the service.
    let named = Row::guilty("status-page", &[("requests-answered", "another body")]);
    holds(&named.with(&["--slow=0", "--url=storm=/status", "--url=keepalive=/status", "--url=open=/status"]));
}
