//! Units are read as systemd reads them.

use ebbtide_check::{Report, Severity};

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

const SHOP: &str = "[Service]\nExecStart=/bin/shop\nTimeoutStopSec=30\nEnvironmentFile=/etc/shop/shop.env\n";
const LONG: &str = "EBBTIDE_GRACE=60s\n";
const SHORT: &str = "EBBTIDE_GRACE=12s\n";

#[test]
fn the_variables_of_a_named_file_count_and_the_finding_has_its_line() {
    for (unit, file) in [
        ("deploy/shop.service", "deploy/shop.env"),
        ("deploy/shop.service", "rootfs/etc/shop/shop.env"),
        ("rootfs/etc/systemd/system/shop.service", "rootfs/etc/shop/shop.env"),
        ("rootfs/usr/lib/systemd/system/shop.service", "./rootfs/etc/shop/shop.env"),
    ] {
        let report = check_all(&[(unit, SHOP), (file, LONG)]);
        assert_eq!(ids(&report), ["S001"], "{unit} {file}: {}", shown(&report));
        let finding = report.active().next().unwrap();
        assert_eq!(finding.severity, Severity::Error);
        assert!(finding.labels.iter().any(|label| report.sources.name(label.place) == file), "{file}");
        assert!(report.problems.is_empty(), "{}", shown(&report));
        assert_eq!(ids(&check_all(&[(unit, SHOP), (file, SHORT)])), [""; 0]);
    }
    // The opposite: a file that is not named, that is elsewhere, or of which there are two.
    for files in [
        &[("deploy/web.env", LONG)][..],
        &[("other/shop.env", LONG)],
        &[("a/etc/shop/shop.env", LONG), ("b/etc/shop/shop.env", LONG)],
    ] {
        let mut all = vec![("deploy/shop.service", SHOP)];
        all.extend_from_slice(files);
        let report = check_all(&all);
        assert_eq!(ids(&report), [""; 0], "{files:?}");
        assert!(
            shown(&report).contains("not read: EnvironmentFile=/etc/shop/shop.env"),
            "{}",
            shown(&report)
        );
    }
    // Of two roots the unit's own counts.
    let roots = [
        ("a/etc/systemd/system/shop.service", SHOP),
        ("a/etc/shop/shop.env", SHORT),
        ("b/etc/shop/shop.env", LONG),
    ];
    assert_eq!(ids(&check_all(&roots)), [""; 0]);
}

#[test]
fn a_file_replaces_the_environment_and_a_later_file_an_earlier_one() {
    let files = [("long.env", LONG), ("short.env", SHORT)];
    let found = |settings: &str, drop_in: &str| {
        let unit = format!("[Service]\nExecStart=/bin/shop\nTimeoutStopSec=30\n{settings}");
        let drop_in = format!("[Service]\nNice=5\n{drop_in}");
        ids(&check_all(&[("shop.service", &unit), ("shop.service.d/a.conf", &drop_in), files[0], files[1]]))
    };
    for (settings, drop_in, is_long) in [
        ("EnvironmentFile=/e/short.env\nEnvironment=EBBTIDE_GRACE=60s\n", "", false),
        ("Environment=EBBTIDE_GRACE=12s\nEnvironmentFile=-/e/long.env\n", "", true),
        ("EnvironmentFile=/e/long.env\nEnvironmentFile=/e/short.env\n", "", false),
        ("EnvironmentFile=/e/short.env\nEnvironmentFile=/e/long.env\n", "", true),
        ("EnvironmentFile=/e/long.env\nEnvironmentFile=\n", "", false),
        ("EnvironmentFile=/e/short.env\n", "EnvironmentFile=/e/long.env\n", true),
        ("EnvironmentFile=/e/short.env\n", "Environment=EBBTIDE_GRACE=60s\n", false),
        ("EnvironmentFile=/e/long.env\n", "EnvironmentFile=\n", false),
        ("EnvironmentFile=/e/short.env\n", "EnvironmentFile=\nEnvironment=EBBTIDE_GRACE=60s\n", true),
        ("Environment=EBBTIDE_GRACE=60s\n", "Environment=\n", false),
        // systemd ignores a path that is not absolute.
        ("EnvironmentFile=long.env\n", "", false),
    ] {
        let expected = if is_long { &["S001"][..] } else { &[] };
        assert_eq!(found(settings, drop_in), expected, "{settings} {drop_in}");
    }
}

/// What a file may set that is not read is not known: a variable that it may replace is no error.
#[test]
fn a_variable_that_an_unread_file_may_replace_is_no_error() {
    let unit = "[Service]\nExecStart=/bin/shop\nTimeoutStopSec=30\nEnvironment=EBBTIDE_GRACE=60s\n";
    for (name, severity) in [("-/etc/default/shop", Severity::Warning), ("/etc/%p.env", Severity::Warning)] {
        let report = check_text("shop.service", &format!("{unit}EnvironmentFile={name}\n"));
        let finding = report.active().find(|finding| finding.rule.id == "S001").unwrap();
        assert_eq!(finding.severity, severity, "{name}");
        let path = name.trim_start_matches('-');
        let note = format!("EnvironmentFile={path} is not read: it may set EBBTIDE_GRACE too");
        assert!(finding.notes.contains(&note), "{:?}", finding.notes);
        // The file may be missing.
        assert_eq!(report.problems.is_empty(), name.starts_with('-'), "{}", shown(&report));
    }
    // A program that reads none of the variables is not noted.
    let httpd = unit.replace("/bin/shop", "/usr/sbin/httpd");
    let report = check_text("httpd.service", &format!("{httpd}EnvironmentFile=/etc/sysconfig/httpd\n"));
    assert!(report.problems.is_empty(), "{}", shown(&report));
    // The opposite: a file that is read sets it after that.
    let both = format!("{unit}EnvironmentFile=-/etc/default/shop\nEnvironmentFile=/etc/shop/shop.env\n");
    let report = check_all(&[("shop.service", &both), ("shop.env", "EBBTIDE_GRACE=61s\n")]);
    assert_eq!(report.active().next().unwrap().severity, Severity::Error);
}

/// Podman: `--env` counts more than `--env-file`, and a path may be relative to the unit.
#[test]
fn the_environment_of_a_container_replaces_its_files() {
    let found = |settings: &str| {
        let unit = format!("[Container]\nImage=shop\nStopTimeout=30\n{settings}");
        ids(&check_all(&[("q/shop.container", &unit), ("q/long.env", LONG), ("q/short.env", SHORT)]))
    };
    for (settings, is_long) in [
        ("EnvironmentFile=./long.env\n", true),
        ("EnvironmentFile=long.env\nEnvironment=EBBTIDE_GRACE=12s\n", false),
        ("Environment=EBBTIDE_GRACE=60s\nEnvironmentFile=short.env\n", true),
        ("EnvironmentFile=long.env\nEnvironmentFile=short.env\n", false),
        ("[Service]\nEnvironmentFile=/e/long.env\n", false),
    ] {
        let expected = if is_long { &["Q001"][..] } else { &[] };
        assert_eq!(found(settings), expected, "{settings}");
    }
}

/// A default holds only if no file that is not read may set another value.
#[test]
fn a_default_is_not_claimed_beside_a_file_that_is_not_read() {
    let unit = "[Service]\nExecStart=/bin/gunicorn a:b\nTimeoutStopSec=20\n";
    let container = "[Container]\nImage=shop\nExec=gunicorn a:b\nStopTimeout=20\n";
    for (name, text, rule) in [("a.service", unit, "S001"), ("a.container", container, "Q001")] {
        let found = |file: &str| {
            let text = format!("{text}EnvironmentFile={file}\n").replace("EnvironmentFile=\n", "");
            ids(&check_all(&[(name, &text), ("known", "A=1\n")])).contains(&rule)
        };
        assert!(found("") && found("/e/known"), "{name}");
        assert!(!found("/e/other") && !found("-/e/other"), "{name}");
    }
    // Of systemd the file counts more than the variable, and of Podman less.
    let found = |name: &str, text: &str, rule: &str| {
        let text = format!("{text}Environment='GUNICORN_CMD_ARGS=--workers 2'\nEnvironmentFile=/e/other\n");
        ids(&check_text(name, &text)).contains(&rule)
    };
    assert!(!found("a.service", unit, "S001") && found("a.container", container, "Q001"));
}

/// systemd.service(5), "Command lines".
#[test]
fn the_variables_of_a_command_line_are_replaced() {
    let found = |rest: &str| {
        let unit = format!("[Service]\nTimeoutStopSec=20\n{rest}");
        let files = [("a.service", &*unit), ("opts", "OPTS=--workers 2 --graceful-timeout 40\n")];
        sum(&check_all(&files), "S001").map(|sum| sum.split(' ').next().unwrap_or_default().to_owned())
    };
    let of_file = "EnvironmentFile=/e/opts\n";
    let of_missing = "Environment=T=40\nEnvironmentFile=/e/missing\n";
    for (line, rest, expected) in [
        ("gunicorn $OPTS a:b", of_file, Some("40")),
        ("gunicorn a:b $OPTS", "Environment='OPTS=--graceful-timeout 50'\n", Some("50")),
        ("gunicorn --graceful-timeout ${T} a:b", "Environment=T=45\n", Some("45")),
        ("gunicorn --graceful-timeout=${T} a:b", "Environment=T=5\n", None),
        ("gunicorn $OPTS a:b", "Environment='OPTS=--workers 2'\n", Some("30")),
        // The opposite: one word, an unknown value, no replacement, a value that is unset.
        ("gunicorn ${OPTS} a:b", of_file, Some("30")),
        ("gunicorn $OPTS a:b", "", None),
        ("gunicorn a:b ${OPTS}", "", None),
        (":/bin/gunicorn $OPTS a:b", of_file, None),
        ("gunicorn --graceful-timeout ${T} a:b", "Environment=T=45\nUnsetEnvironment=T\n", None),
        ("gunicorn --graceful-timeout ${T} a:b", of_missing, Some("40")),
    ] {
        let rest = format!("ExecStart={line}\n{rest}");
        assert_eq!(found(&rest).as_deref(), expected, "{rest}");
    }
    let text = format!(
        "[Service]\nTimeoutStopSec=20\nExecStart=gunicorn --graceful-timeout ${{T}} a:b\n{of_missing}"
    );
    let report = check_text("a.service", &text);
    let severity = report.active().find(|finding| finding.rule.id == "S001").unwrap().severity;
    assert_eq!(severity, Severity::Warning, "the file may replace it");
}

/// What Podman passes on are the variables of the service, and not those of the container.
#[test]
fn the_variables_of_exec_are_those_of_the_service() {
    let found = |rest: &str| {
        let unit = format!("[Container]\nImage=shop\nStopTimeout=20\nExec=gunicorn $OPTS a:b\n{rest}");
        sum(&check_text("a.container", &unit), "Q001")
            .map(|sum| sum.split(' ').next().unwrap_or_default().to_owned())
    };
    let set = "Environment='OPTS=--graceful-timeout 40'\n";
    assert_eq!(found(&format!("[Service]\n{set}")).as_deref(), Some("40"));
    assert_eq!(found(set), None);
    assert_eq!(found(&format!("[Service]\n{set}EnvironmentFile=/e/other\n")), None);
}

/// systemd cannot parse the empty value of these keys: it ignores the line.
#[test]
fn an_empty_limit_leaves_the_one_before_it() {
    let unit = "[Service]\nExecStart=/bin/api\nX-EbbtideDrain=20s\n";
    for settings in [
        "TimeoutStopSec=5\nTimeoutStopSec=\n",
        "TimeoutSec=5\nTimeoutSec=\n",
        "TimeoutStopSec=5\nTimeoutSec=\n",
    ] {
        let report = check_text("api.service", &format!("{unit}{settings}"));
        assert!(
            sum(&report, "S001").is_some_and(|sum| sum.contains("22 > 5")),
            "{settings}{}",
            shown(&report)
        );
    }
    let report = check_text("api.service", &format!("{unit}KillSignal=SIGKILL\nKillSignal=\n"));
    assert!(ids(&report).contains(&"S005"), "{}", shown(&report));
}

#[test]
fn a_variable_that_is_unset_declares_nothing() {
    let unit = "[Service]\nTimeoutStopSec=30\nEnvironment=\"GUNICORN_CMD_ARGS=--graceful-timeout=60\" A=1\nExecStart=/bin/gunicorn a:b\n";
    for (settings, declares) in [
        ("", true),
        ("UnsetEnvironment=A\n", true),
        ("UnsetEnvironment=GUNICORN_CMD_ARGS=1\n", true),
        ("UnsetEnvironment=A GUNICORN_CMD_ARGS\n", false),
        ("UnsetEnvironment=GUNICORN_CMD_ARGS=--graceful-timeout=60\n", false),
        ("UnsetEnvironment=GUNICORN_CMD_ARGS\nUnsetEnvironment=\n", true),
    ] {
        let report = check_text("api.service", &format!("{unit}{settings}"));
        let found = sum(&report, "S001").is_some_and(|sum| sum.contains("60 (drain"));
        assert_eq!(found, declares, "{settings}{}", shown(&report));
    }
}

/// systemd signals when every stop command has exited, and they run one after the other.
#[test]
fn a_stop_command_that_another_kind_of_command_follows_is_left_alone() {
    let found = |stop: &str| {
        let text = format!("[Service]\nExecStart=/bin/app\nExecStop=/bin/kill -s INT $MAINPID\n{stop}");
        ids(&check_text("app.service", &text)).into_iter().filter(|id| *id == "S006").count()
    };
    for stop in [
        "/usr/bin/tail --pid=$MAINPID -f /dev/null",
        "/bin/sh -c \"while test -d /proc/$MAINPID; do sleep 1; done\"",
        "/usr/bin/waitpid $MAINPID",
        "/bin/sleep 20",
    ] {
        assert_eq!(found(&format!("ExecStop={stop}\n")), 0, "{stop}");
        // One before it, or one that an empty assignment removes, waits for nothing.
        let before = format!("ExecStop=\nExecStop={stop}\nExecStop=/bin/kill -s INT $MAINPID\n");
        assert_eq!(found(&before), 1, "{stop}");
        assert_eq!(found(&format!("ExecStop={stop}\nExecStop=\nExecStop=/bin/kill $MAINPID\n")), 1, "{stop}");
    }
    assert_eq!(found(""), 1);
    assert_eq!(found("ExecStop=/bin/kill -s HUP $MAINPID\n"), 2);
}
