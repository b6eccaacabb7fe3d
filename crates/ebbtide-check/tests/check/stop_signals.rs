//! The stop signals of servers whose graceful stop is not SIGTERM, in Dockerfiles and in the services of Compose that build them.

use ebbtide_check::{Options, Severity, fix};

use crate::common::{check_all, check_text, ids, shown};

/// The official image of each server, the package that has it, its command and its stop signal.
const SERVERS: [(&str, &str, &str, &str); 6] = [
    ("nginx:1.27", "nginx=1.22.*", "[\"nginx\", \"-g\", \"daemon off;\"]", "SIGQUIT"),
    ("php:8.3-fpm", "php8.2-fpm", "[\"php-fpm8.2\", \"-F\"]", "SIGQUIT"),
    ("php:8.3-apache", "apache2", "[\"apache2\", \"-D\", \"FOREGROUND\"]", "SIGWINCH"),
    ("httpd:2.4", "httpd", "[\"httpd\", \"-DFOREGROUND\"]", "SIGWINCH"),
    (
        "public.ecr.aws/docker/library/postgres:16@sha256:0",
        "postgresql-16",
        "[\"postgres\", \"-D\", \"/data\"]",
        "SIGINT",
    ),
    ("haproxy:3.0", "haproxy", "haproxy -f /etc/haproxy.cfg", "SIGUSR1"),
];

fn found(text: &str) -> Vec<&'static str> {
    ids(&check_text("Dockerfile", text)).into_iter().filter(|id| *id == "D007").collect()
}

#[test]
fn each_server_is_found_with_another_signal_and_not_with_its_own() {
    for (image, package, command, own) in SERVERS {
        let installed = |signal: &str| {
            format!("FROM debian:12\nRUN apt-get install -y {package}\n{signal}CMD {command}\n")
        };
        let based = |signal: &str| format!("FROM {image}\n{signal}COPY a /a\n");
        assert_eq!(found(&installed("")), ["D007"], "{package}");
        assert_eq!(found(&based("")), [""; 0], "{image}");
        for files in [&installed, &based] as [&dyn Fn(&str) -> String; 2] {
            assert_eq!(found(&files("STOPSIGNAL SIGTERM\n")), ["D007"], "{image}");
            assert_eq!(found(&files("STOPSIGNAL 15\n")), ["D007"], "{image}");
            assert_eq!(found(&files(&format!("STOPSIGNAL {own}\n"))), [""; 0], "{image}");
            assert_eq!(found(&files("STOPSIGNAL $SIGNAL\n")), [""; 0], "{image}");
        }
    }
    assert_eq!(found("FROM nginx\nSTOPSIGNAL 3\n"), [""; 0]);
}

#[test]
fn the_signal_of_a_stage_is_inherited_and_another_program_is_another_rule() {
    assert_eq!(found("FROM nginx AS base\nSTOPSIGNAL SIGTERM\nFROM base\nCOPY a /a\n"), ["D007"]);
    assert_eq!(
        found("FROM nginx AS base\nSTOPSIGNAL SIGTERM\nFROM debian:12\nCOPY --from=base a /a\n"),
        [""; 0]
    );
    assert_eq!(found("FROM nginx\nSTOPSIGNAL SIGTERM\nENTRYPOINT [\"node\", \"a.js\"]\n"), [""; 0]);
    assert_eq!(found("FROM nginx\nSTOPSIGNAL SIGTERM\nENTRYPOINT [\"/entrypoint.sh\"]\n"), [""; 0]);
    assert_eq!(
        found(
            "FROM debian:12\nRUN apt-get install -y apache2\nCMD [\"apache2ctl\", \"-D\", \"FOREGROUND\"]\n"
        ),
        [""; 0]
    );
    let unhandled = check_text("Dockerfile", "FROM nginx\nSTOPSIGNAL SIGKILL\n");
    assert_eq!(ids(&unhandled), ["D005"], "{}", shown(&unhandled));
}

#[test]
fn the_fix_sets_the_signal_of_the_server() {
    for (text, expected) in [
        ("FROM nginx\nSTOPSIGNAL SIGTERM\n", "FROM nginx\nSTOPSIGNAL SIGQUIT\n"),
        (
            "FROM debian:12\nRUN apt-get install -y haproxy\nCMD [\"haproxy\"]\n",
            "FROM debian:12\nRUN apt-get install -y haproxy\nSTOPSIGNAL SIGUSR1\nCMD [\"haproxy\"]\n",
        ),
    ] {
        let fixed = fix(check_text("Dockerfile", text), &Options::default(), Severity::Warning);
        assert_eq!(fixed.report.sources.iter().next().unwrap().1.text(), expected);
    }
}

/// The effect is that of the signal: nginx has a fast stop at SIGTERM, and none at SIGUSR2.
#[test]
fn the_effect_is_that_of_the_signal_which_is_sent() {
    let effect = |signal: &str| {
        check_text("Dockerfile", &format!("FROM nginx\nSTOPSIGNAL {signal}\n")).findings[0].effect.clone()
    };
    assert!(effect("SIGTERM").contains("fast shutdown"));
    assert!(
        effect("SIGUSR2").starts_with("SIGUSR2 is not the graceful stop of nginx"),
        "{}",
        effect("SIGUSR2")
    );
}

#[test]
fn a_service_that_builds_an_official_image_is_stopped_by_its_signal() {
    let compose = |signal: &str| format!("services:\n  web:\n    build: .\n{signal}");
    let check = |image: &str, signal: &str| {
        let report = check_all(&[("compose.yaml", &compose(signal)), ("Dockerfile", image)]);
        ids(&report)
    };
    let term = "    stop_signal: SIGTERM\n";
    assert_eq!(check("FROM nginx\nCOPY a /a\n", term), ["C003"]);
    assert_eq!(check("FROM nginx\nCOPY a /a\n", "    stop_signal: quit\n"), [""; 0]);
    assert_eq!(check("FROM nginx\nCOPY a /a\n", ""), [""; 0]);
    assert_eq!(check("FROM nginx\nSTOPSIGNAL SIGTERM\n", ""), ["D007"], "one finding, in the Dockerfile");
    assert_eq!(check("FROM nginx\nSTOPSIGNAL SIGKILL\n", ""), ["D005"], "one finding, in the Dockerfile");
}
