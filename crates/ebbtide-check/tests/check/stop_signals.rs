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

/// A Deployment, a job of Nomad in Docker, and a unit, each with a server and a stop signal if one is given.
fn on_platforms(image: &str, command: &str, signal: Option<&str>) -> [Vec<(&'static str, Severity)>; 3] {
    let lifecycle = signal.map_or(String::new(), |signal| format!(", lifecycle: {{stopSignal: {signal}}}"));
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  os: {{name: linux}}\n  containers: [{{name: web, image: '{image}'{lifecycle}}}]\n"
    );
    let kill = signal.map_or(String::new(), |signal| format!("kill_signal = \"{signal}\""));
    let job = format!(
        "job \"web\" {{\n  group \"web\" {{\n    task \"web\" {{\n      driver = \"docker\"\n      {kill}\n      config {{\n        image = \"{image}\"\n      }}\n    }}\n  }}\n}}\n"
    );
    let kill = signal.map_or(String::new(), |signal| format!("KillSignal={signal}\n"));
    let unit = format!("[Service]\nExecStart=/usr/sbin/{command}\nKillMode=mixed\n{kill}");
    [("pod.yaml", pod, "K012"), ("web.nomad", job, "N006"), ("web.service", unit, "S005")].map(
        |(name, text, rule)| {
            let report = check_text(name, &text);
            let found = report.active().filter(|finding| finding.rule.id == rule);
            found.map(|finding| (finding.rule.id, finding.severity)).collect()
        },
    )
}

#[test]
fn each_platform_with_a_stop_signal_compares_it_with_the_server() {
    for (image, command, own) in [
        ("nginx:1.27", "nginx -g 'daemon off;'", "SIGQUIT"),
        ("php:8.3-fpm", "php-fpm8.3 --nodaemonize", "SIGQUIT"),
        ("httpd:2.4", "httpd -DFOREGROUND", "SIGWINCH"),
        ("postgres:16", "postgres -D /data", "SIGINT"),
        ("haproxy:3.0", "haproxy -Ws -f /etc/haproxy.cfg", "SIGUSR1"),
    ] {
        let warning = Severity::Warning;
        let wrong = [vec![("K012", warning)], vec![("N006", warning)], vec![("S005", warning)]];
        assert_eq!(on_platforms(image, command, Some("SIGTERM")), wrong, "{image}");
        assert_eq!(on_platforms(image, command, Some(own)), [vec![], vec![], vec![]], "{image}");
        // The image has its own signal; systemd sends SIGTERM.
        let default = [vec![], vec![], vec![("S005", Severity::Info)]];
        assert_eq!(on_platforms(image, command, None), default, "{image}");
    }
    let other = [vec![], vec![], vec![]];
    assert_eq!(on_platforms("shop:1", "shop", Some("SIGTERM")), other);
    assert_eq!(on_platforms("shop:1", "shop", Some("SIGQUIT")), other);
}

#[test]
fn what_is_no_signal_is_found_on_every_platform() {
    let error = Severity::Error;
    let expected = [vec![("K012", error)], vec![("N006", error)], vec![("S005", Severity::Warning)]];
    assert_eq!(on_platforms("shop:1", "shop", Some("SIGFOO")), expected);
    let compose = "services:\n  web:\n    image: shop\n    stop_signal: SIGFOO\n";
    assert_eq!(ids(&check_text("compose.yaml", compose)), ["C003"]);
    assert_eq!(ids(&check_text("Dockerfile", "FROM debian:12\nSTOPSIGNAL SIGFOO\nCMD [\"a\"]\n")), ["D005"]);
    assert_eq!(
        ids(&check_text("Dockerfile", "FROM debian:12\nSTOPSIGNAL SIGRTMIN+3\nCMD [\"a\"]\n")),
        [""; 0]
    );
}

#[test]
fn a_server_with_a_command_of_its_own_is_judged_by_the_command() {
    let compose = |command: &str| {
        let text =
            format!("services:\n  web:\n    image: shop\n    command: {command}\n    stop_signal: SIGTERM\n");
        ids(&check_text("compose.yaml", &text))
    };
    assert_eq!(compose("[nginx, -g, 'daemon off;']"), ["C003"]);
    assert_eq!(compose("[sh, -c, 'exec nginx']"), ["C003"]);
    assert_eq!(compose("[node, a.js]"), [""; 0]);
}

#[test]
fn a_stop_command_of_a_unit_comes_before_the_signal() {
    let unit = "[Service]\nExecStart=/usr/sbin/nginx\nExecStop=/usr/sbin/nginx -s quit\nKillSignal=SIGTERM\n";
    assert!(!ids(&check_text("web.service", unit)).contains(&"S005"));
}

/// SIGINT is the fast shutdown of PostgreSQL, and not the graceful stop of nginx.
#[test]
fn the_default_signal_of_nomad_is_right_for_one_server() {
    let job = |command: &str| {
        let text = format!(
            "job \"db\" {{\n  group \"db\" {{\n    task \"db\" {{\n      driver = \"exec\"\n      config {{\n        command = \"/usr/bin/{command}\"\n      }}\n    }}\n  }}\n}}\n"
        );
        let report = check_text("db.nomad", &text);
        report.active().map(|finding| (finding.rule.id, finding.effect.clone())).collect::<Vec<_>>()
    };
    assert_eq!(job("postgres"), []);
    let [(rule, effect)] = job("nginx").try_into().unwrap();
    assert!(rule == "N005" && effect.starts_with("SIGINT is not the graceful stop of nginx"), "{effect}");
    assert_eq!(job("shop").len(), 1);
}

/// The official image of a server has its own entry point: options alone are for the server, and another program is no server.
#[test]
fn the_program_that_runs_decides_and_not_the_name_of_its_image() {
    let compose = |image: &str, more: &str| {
        let text = format!("services:\n  web:\n    image: {image}\n    stop_signal: SIGTERM\n{more}");
        ids(&check_text("compose.yaml", &text))
    };
    for (image, more, expected) in [
        ("postgres:16", "    command: [-c, max_connections=200]\n    stop_grace_period: 1m\n", &["C003"][..]),
        ("postgres:16", "    command: postgres -c fsync=off\n    stop_grace_period: 1m\n", &["C003"]),
        ("nginx:1.27", "    command: [python, app.py]\n", &[]),
        ("nginx:1.27", "    entrypoint: [python, app.py]\n", &[]),
        ("nginx:1.27", "    entrypoint: [python]\n    command: [-m, app]\n", &[]),
        ("shop:1", "    command: [-c, a]\n", &[]),
    ] {
        assert_eq!(compose(image, more), expected, "{image}{more}");
    }
    let pod = |container: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  os: {{name: linux}}\n  containers: [{{name: web, image: 'nginx:1.27', \
             lifecycle: {{stopSignal: SIGTERM}}, {container}}}]\n"
        );
        ids(&check_text("pod.yaml", &text))
    };
    assert_eq!(pod("args: ['-g', 'daemon off;']"), ["K012"]);
    assert_eq!(pod("args: [python, app.py]"), [""; 0]);
    assert_eq!(pod("command: [python, app.py]"), [""; 0]);
}

/// What the Dockerfile of the image runs counts as a command of the workload's own does, which replaces it.
#[test]
fn the_server_of_an_image_that_is_built_is_judged_by_its_command() {
    let nginx = "FROM debian:12\nRUN apt-get install -y nginx\nSTOPSIGNAL SIGQUIT\n";
    let service = |more: &str| format!("services:\n  web:\n    build: .\n    stop_signal: SIGTERM\n{more}");
    let fly = |more: &str| format!("app = \"web\"\nprimary_region = \"ams\"\n{more}");
    let check = |file: &str, text: &str, run: &str| {
        ids(&check_all(&[(file, text), ("Dockerfile", &format!("{nginx}{run}"))]))
    };
    let cmd = "CMD [\"nginx\", \"-g\", \"daemon off;\"]\n";
    let both = "ENTRYPOINT [\"nginx\"]\nCMD [\"-g\", \"daemon off;\"]\n";
    let script = "ENTRYPOINT [\"/docker-entrypoint.sh\"]\nCMD [\"nginx\"]\n";
    for run in [cmd, both, script] {
        assert_eq!(check("compose.yaml", &service(""), run), ["C003"], "{run}");
        assert_eq!(check("fly.toml", &fly(""), run), ["P004"], "{run}");
        let other = "    entrypoint: [python]\n    command: [app.py]\n";
        assert_eq!(check("compose.yaml", &service(other), run), [""; 0], "{run}");
    }
    // The arguments are those of the entry point, or replace the command.
    let arguments = "    command: [python, app.py]\n";
    assert_eq!(check("compose.yaml", &service(arguments), both), ["C003"]);
    assert_eq!(check("compose.yaml", &service(arguments), cmd), [""; 0]);
    assert_eq!(check("compose.yaml", &service(arguments), script), [""; 0]);
    assert_eq!(check("fly.toml", &fly("[processes]\n  web = \"python app.py\"\n"), cmd), [""; 0]);
    let server = "    command: [nginx]\n";
    assert_eq!(check("compose.yaml", &service(server), "ENTRYPOINT [\"python\", \"run.py\"]\n"), [""; 0]);
}

/// They are for the entry point of the base, which puts its server in front of them.
#[test]
fn options_alone_as_the_command_of_an_image_are_those_of_its_base() {
    let check = |image: &str| ids(&check_text("Dockerfile", image));
    for (base, options) in [
        ("postgres:16", "[\"-c\", \"max_connections=300\"]"),
        ("haproxy:3.0", "[\"-f\", \"/etc/haproxy.cfg\"]"),
        ("php:8.3-fpm", "[\"-F\"]"),
    ] {
        assert_eq!(check(&format!("FROM {base}\nCMD {options}\n")), [""; 0], "{base}");
        assert_eq!(check(&format!("FROM {base}\nSTOPSIGNAL SIGTERM\nCMD {options}\n")), ["D007"], "{base}");
        let image = format!("FROM {base}\nCMD {options}\n");
        let compose =
            "services:\n  web:\n    build: .\n    stop_signal: SIGTERM\n    stop_grace_period: 1m\n";
        let report = check_all(&[("compose.yaml", compose), ("Dockerfile", &image)]);
        assert_eq!(ids(&report), ["C003"], "{base}{}", shown(&report));
    }
    // It stops at SIGQUIT, and not at SIGWINCH.
    assert_eq!(check("FROM php:8.3-fpm\nCMD [\"supervisord\", \"-n\"]\n"), [""; 0]);
    assert_eq!(check("FROM php:8.3-apache\nCMD [\"supervisord\", \"-n\"]\n"), ["D006"]);
}

#[test]
fn the_command_line_of_php_is_no_server_of_its_image() {
    let has = |run: &str| {
        let report = check_text("Dockerfile", &format!("FROM php:8.3-fpm\nCMD {run}\n"));
        ids(&report).contains(&"D006")
    };
    assert!(has("[\"php\", \"worker.php\"]"));
    assert!(!has("[\"php-fpm\", \"-F\"]"));
    assert!(!has("[\"php\", \"artisan\", \"queue:work\"]"));
    assert!(!has("[\"php\", \"bin/console\", \"messenger:consume\"]"));
}

#[test]
fn a_signal_by_its_number_is_shown_with_its_name() {
    let unit = "[Service]\nExecStart=/bin/a\nKillSignal=9\n";
    let shown = shown(&check_text("a.service", unit));
    assert!(shown.contains("is stopped by SIGKILL (9)"), "{shown}");
}

#[test]
fn a_shell_for_a_user_is_no_server_and_a_command_that_ignores_sigterm_gets_no_exec() {
    let check = |run: &str| check_text("Dockerfile", &format!("FROM debian\nCMD {run}\n"));
    assert!(!ids(&check("bash")).contains(&"D001") && !ids(&check("/bin/bash")).contains(&"D001"));
    for (run, has_fix) in [("cron && tail -f /var/log/cron.log", false), ("cron && ./serve", true)] {
        let report = check(run);
        let found = report.active().find(|finding| finding.rule.id == "D001").unwrap();
        assert_eq!(found.fix.is_some(), has_fix, "{run}");
    }
}
