//! Units are read as systemd reads them.

use ebbtide_check::Report;

use crate::common::{check_all, check_text, ids, shown};

fn sum(report: &Report, rule: &str) -> Option<String> {
    report.active().find(|finding| finding.rule.id == rule)?.arithmetic.clone()
}

/// `TimeoutSec` sets the limit of the stop too: of both, the last assignment counts.
#[test]
fn the_last_assignment_of_the_limit_counts() {
    let unit = "[Service]\nExecStart=/bin/api\nX-EbbtideDrain=20s\n";
    for (settings, limit) in [
        ("TimeoutStopSec=60\nTimeoutSec=10\n", Some("22 > 10")),
        ("TimeoutStopSec=1h 30min\nTimeoutSec=10\n", Some("22 > 10")),
        ("TimeoutSec=60\nTimeoutStopSec=10\nTimeoutSec=5\n", Some("22 > 5")),
        ("TimeoutSec=10\nTimeoutStopSec=60\n", None),
        ("TimeoutStopSec=5\nTimeoutSec=10\nTimeoutStopSec=60\n", None),
    ] {
        let found = sum(&check_text("api.service", &format!("{unit}{settings}")), "S001");
        assert_eq!(found.is_some(), limit.is_some(), "{settings}: {found:?}");
        assert!(found.is_none_or(|sum| limit.is_some_and(|limit| sum.contains(limit))), "{settings}");
    }
    let unit = format!("{unit}TimeoutStopSec=60\n");
    let drop_in = ("api.service.d/limit.conf", "[Service]\nTimeoutSec=10\n");
    let report = check_all(&[("api.service", &unit), drop_in]);
    assert!(sum(&report, "S001").is_some_and(|sum| sum.contains("22 > 10")), "{}", shown(&report));
}

#[test]
fn a_oneshot_that_remains_active_has_processes_to_stop() {
    let unit = "[Service]\nType=oneshot\nExecStart=/bin/up\nKillMode=none\n";
    let has = |text: &str| ids(&check_text("up.service", text)).contains(&"S003");
    assert!(!has(unit));
    assert!(has(&format!("{unit}RemainAfterExit=yes\n")));
    assert!(!has(&format!("{unit}RemainAfterExit=no\n")));
}

/// The SIGTERM that its ExecStop sends is the fast stop: KillSignal=SIGTERM would be no better.
#[test]
fn the_stop_of_a_server_is_advised_by_its_own_signal() {
    let unit = "[Service]\nExecStart=/usr/sbin/nginx -g 'daemon off;'\nExecStop=/bin/sh -c \"/bin/kill -s TERM $(/bin/cat /var/run/nginx.pid)\"\n";
    let report = check_text("nginx.service", unit);
    let found = report.active().find(|finding| finding.rule.id == "S006").unwrap();
    assert!(found.remedy.contains("KillSignal=SIGQUIT") && found.effect.contains("SIGTERM"), "{found:?}");
}
