//! Each rule of the form accepts what it must, and finds what violates it.

use super::form::problems;

#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Sample {
    text: String,
    source: Option<std::io::Error>,
}

fn broken(text: &str, source: Option<&str>) -> Vec<String> {
    let source = source.map(std::io::Error::other);
    problems(&Sample { text: text.to_owned(), source })
}

#[test]
fn a_clause_that_stands_alone_is_accepted() {
    for text in [
        "invalid lease 1ms: must be at least 100 ms",
        "cannot bind 127.0.0.1:80",
        "EBBTIDE_PLAN is neither json nor text",
        "`x` is not a duration",
        "--fault given twice",
        "RabbitMQ closed the connection",
        "Redis refused the connection",
    ] {
        assert_eq!(broken(text, Some("refused by the peer")), [""; 0], "{text}");
    }
}

#[test]
fn each_rule_finds_what_violates_it() {
    let long = "x".repeat(201);
    for (text, source, rule) in [
        ("", None, "is empty"),
        ("cannot bind.", None, "full stop"),
        ("Cannot bind", None, "capital"),
        ("port taken; use another", None, "advice"),
        ("one\ntwo", None, "line"),
        (&*long, None, "letters"),
        ("cannot bind: address in use", Some("address in use"), "`source()`"),
    ] {
        let broken = broken(text, source);
        assert!(broken.len() == 1 && broken[0].contains(rule), "{text}: {broken:?}");
    }
}

#[test]
#[should_panic(expected = "the wrong variant was constructed")]
fn each_variant_must_be_constructed() {
    super::walk! {
        Sample { source: None, .. } => Sample { text: "cannot bind".to_owned(), source: None };
        Sample { source: Some(_), .. } => Sample { text: "cannot bind".to_owned(), source: None };
    }
}
