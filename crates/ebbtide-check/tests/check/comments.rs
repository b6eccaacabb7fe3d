//! Comments that declare the times of files without annotations, and what they are about.

use ebbtide_check::Severity;

use crate::common::{check_text, ids, shown};

/// Returns the subjects of the errors.
fn errors(name: &str, text: &str) -> Vec<String> {
    let report = check_text(name, text);
    let errors = report.active().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.subject.clone()).collect()
}

#[test]
fn a_comment_at_one_process_is_about_that_alone() {
    let run = "bundle exec sidekiq -t";
    for (name, text, expected) in [
        ("Procfile", "web: bin/web\n# ebbtide.dev/drain: 40s\nworker: bin/worker\n".to_owned(), &["process worker"][..]),
        ("Procfile", "# ebbtide.dev/drain: 40s\n\nweb: a\nworker: b\n".to_owned(), &["process web", "process worker"]),
        ("Procfile", format!("# ebbtide.dev/drain: 3s\n\nweb: a\nworker: {run} 60\n"), &["process worker"]),
        (
            "fly.toml",
            format!("# ebbtide.dev/drain: 3s\napp = \"s\"\nkill_timeout = 5\n[processes]\nw = \"{run} 30\"\n"),
            &["application s/w"],
        ),
        (
            "fly.toml",
            "app = \"s\"\nkill_timeout = 5\n[processes]\na = \"bin/a\" # ebbtide.dev/drain: 20s\nb = \"bin/b\"\n".to_owned(),
            &["application s/a"],
        ),
    ] {
        assert_eq!(errors(name, &text), expected, "{text}");
    }
    let service = |name: &str, comment: &str| {
        format!(
            "  - type: web\n    runtime: python\n    name: {name}\n    startCommand: gunicorn --graceful-timeout 60 a\n{comment}"
        )
    };
    let inside = "    # ebbtide.dev/drain: 5s\n";
    for (text, expected) in [
        (service("a", inside) + &service("b", ""), &["service b"][..]),
        (service("a", "") + &service("b", inside), &["service a"]),
        (service("a", "") + "  # ebbtide.dev/drain: 5s\n" + &service("b", ""), &["service a"]),
    ] {
        assert_eq!(errors("render.yaml", &format!("services:\n{text}")), expected, "{text}");
    }
    let app = |name: &str, comment: &str| {
        format!(
            "resource \"azurerm_container_app\" \"{name}\" {{\n  template {{\n{comment}    container {{\n      name = \"{name}\"\n      image = \"i\"\n    }}\n  }}\n}}\n"
        )
    };
    let text = app("a", "    # ebbtide.dev/drain: 60s\n") + &app("b", "");
    assert_eq!(errors("app.tf", &text), ["container app a"]);
}

#[test]
fn a_flag_that_is_longer_than_what_is_declared_beside_it_is_noted() {
    let text = |time| format!("# ebbtide.dev/drain: {time}\nweb: gunicorn --graceful-timeout 25 a\n");
    let report = check_text("Procfile", &text("5s"));
    let said = "--graceful-timeout of 25 s: the comment ebbtide.dev/drain of 5 s takes precedence";
    assert!(shown(&report).contains(said) && !report.is_incomplete(), "{}", shown(&report));
    assert!(check_text("Procfile", &text("27s")).problems.is_empty());
}

/// The shell of the process leaves it out too: a `#` that begins a word, outside of quotes.
#[test]
fn a_comment_beside_a_process_is_about_that_alone() {
    let worker = "worker: celery -A shop worker";
    let web = "web: gunicorn --graceful-timeout 40 shop:app";
    assert_eq!(errors("Procfile", &format!("{web}\n{worker}\n")), ["process web"]);
    assert_eq!(
        errors("Procfile", &format!("{web}\n{worker}  # ebbtide.dev/drain: 35s\n")),
        ["process web", "process worker"]
    );
    let report =
        check_text("Procfile", &format!("{web} # ebbtide:ignore P003 requests are short\n{worker}\n"));
    assert_eq!((ids(&report), report.counts().suppressed), (vec![], 1), "{}", shown(&report));
    for text in [
        "a#ebbtide.dev/drain: 35s",
        "'a # ebbtide.dev/drain: 35s'",
        "\\# ebbtide.dev/drain: 35s",
        "\"\\\" # ebbtide.dev/drain: 35s\"",
    ] {
        assert_eq!(errors("Procfile", &format!("{worker} {text}\n")), [""; 0], "{text}");
    }
    let report = check_text("Procfile", &format!("{worker} # ebbtide.dev/drain: soon\n"));
    assert!(report.is_incomplete(), "{}", shown(&report));
}
