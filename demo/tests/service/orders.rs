use super::client::{get, order, post, receive, send};
use super::process::{Demo, folder};

#[test]
fn an_order_is_stored_and_then_worked_off() {
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
fn an_order_that_cannot_be_taken_is_answered_with_what_to_do() {
    let folder = folder();
    let demo = Demo::start(&folder, &[]);
    for (body, hint) in [
        ("", "send JSON such as"),
        (r#"{"item": 3}"#, "send JSON such as"),
        (r#"{"item": "tea", "colour": "red"}"#, "colour"),
        (r#"{"item": " "}"#, "`item` must be"),
        (r#"{"item": "tea", "quantity": 0}"#, "`quantity` must be"),
        (r#"{"item": "tea", "quantity": 99999999999}"#, "send JSON such as"),
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
fn more_orders_at_once_than_the_intake_holds_wait_their_turn() {
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
