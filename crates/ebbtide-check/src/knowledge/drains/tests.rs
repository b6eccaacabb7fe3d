use super::drain_of;
use crate::input::{Place, Sources};
use crate::model::{Command, Container, Declared, Platform, Role, Variable, Word, Workload, seconds};

fn found_on(platform: Platform, line: &[&str], variables: &[(&str, &str)]) -> Option<(u64, String, bool)> {
    let place = Place::new(Sources::new().add("a", ""), 0, 0);
    let words: Vec<Word> = line.iter().map(|text| Word { text: (*text).to_owned(), place }).collect();
    let variable = |(name, value): &(&str, &str)| Variable {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
        place: Place::new(place.source, 1, 1),
    };
    let mut container = Container::new("a", Role::Main, place);
    container.arguments = (!words.is_empty()).then_some(Command { words, is_shell_form: false, place });
    container.variables = variables.iter().map(variable).collect();
    let workload = Workload::new(platform, "a", "a", place, Declared::Default(seconds(30)));
    let drain = drain_of(&workload, &container)?;
    Some((drain.time.as_secs(), drain.from, drain.is_declared))
}

fn found(line: &[&str], variables: &[(&str, &str)]) -> Option<(u64, String, bool)> {
    found_on(Platform::Kubernetes, line, variables)
}

#[test]
fn flags_and_variables_of_known_servers_declare_the_drain() {
    for (line, variables, time, from) in [
        (&["gunicorn", "--graceful-timeout", "45", "app:app"][..], &[][..], 45, "--graceful-timeout"),
        (&["sh", "-c", "exec gunicorn --graceful-timeout=50 app"], &[], 50, "--graceful-timeout"),
        (&["uvicorn", "a:b", "--timeout-graceful-shutdown=20"], &[], 20, "--timeout-graceful-shutdown"),
        (&["bundle", "exec", "sidekiq", "-t", "55"], &[], 55, "-t"),
        (&["nginx", "-g", "daemon off; worker_shutdown_timeout 40s;"], &[], 40, "worker_shutdown_timeout"),
        (
            &["java"],
            &[("SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE", "PT1M")],
            60,
            "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE",
        ),
        (
            &["java"],
            &[("SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE", "45s")],
            45,
            "SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE",
        ),
        (
            &[],
            &[("JAVA_TOOL_OPTIONS", "-Xmx1g -Dspring.lifecycle.timeout-per-shutdown-phase=50s")],
            50,
            "-Dspring.lifecycle.timeout-per-shutdown-phase",
        ),
        (&["--entryPoints.tcp.transport.lifeCycle.graceTimeOut=40s"], &[], 40, "graceTimeOut"),
        (
            &[
                "--entrypoints.web.transport.lifecycle.requestacceptgracetimeout=10",
                "--entrypoints.web.transport.lifecycle.gracetimeout=30",
            ],
            &[],
            40,
            "requestAcceptGraceTimeout + graceTimeOut",
        ),
        (&[], &[("GUNICORN_CMD_ARGS", "--workers 2 --graceful-timeout 35")], 35, "--graceful-timeout"),
        (&[], &[("EBBTIDE_GRACE", "60s")], 55, "EBBTIDE_GRACE less its margin"),
    ] {
        assert_eq!(found(line, variables), Some((time, from.to_owned(), true)), "{line:?} {variables:?}");
    }
}

#[test]
fn a_default_is_known_but_not_declared_and_other_programs_are_unknown() {
    assert_eq!(found(&["gunicorn", "app"], &[]), Some((30, "default of gunicorn".to_owned(), false)));
    for line in [
        &["gunicorn", "--graceful-timeout", "${T:-60}", "app"][..],
        &["sh", "-c", "exec gunicorn --graceful-timeout=\"$T\" app"],
        &["gunicorn", "app", "--graceful-timeout", ""],
        &["traefik", "--entryPoints.web.transport.lifeCycle.graceTimeOut=${T}"],
        &["curl", "--timeout", "5"],
        &["app", "-t", "5"],
        &["kube-thing", "--graceful-timeout", "5"],
        &["java"],
    ] {
        assert_eq!(found(line, &[]), None, "{line:?}");
    }
    assert_eq!(found(&["gunicorn", "app"], &[("GUNICORN_CMD_ARGS", "--graceful-timeout $T")]), None);
}

fn seconds_of(line: &[&str], variables: &[(&str, &str)]) -> Option<u64> {
    found(line, variables).map(|(time, ..)| time)
}

fn script(text: &str) -> Option<u64> {
    seconds_of(&["sh", "-c", text], &[])
}

#[test]
fn the_last_of_two_flags_and_of_two_variables_counts() {
    for (line, variables, expected) in [
        (&["gunicorn", "--graceful-timeout", "120", "--graceful-timeout", "20", "a"][..], &[][..], 20),
        (&["gunicorn", "--graceful-timeout=20", "--graceful-timeout", "120", "a"], &[], 120),
        (&["uvicorn", "--timeout-graceful-shutdown", "9", "--timeout-graceful-shutdown", "5"], &[], 5),
        (&["sidekiq", "-t", "60", "--timeout", "5"], &[], 5),
        (&["sidekiq", "--timeout=5", "-t60"], &[], 60),
        (
            &[
                "java",
                "-Dspring.lifecycle.timeout-per-shutdown-phase=60s",
                "-Dspring.lifecycle.timeout-per-shutdown-phase=5s",
                "-jar",
                "a.jar",
            ],
            &[],
            5,
        ),
        (
            &[
                "traefik",
                "--entrypoints.a.transport.lifecycle.gracetimeout=60",
                "--entrypoints.a.transport.lifecycle.gracetimeout=5",
            ],
            &[],
            5,
        ),
        (
            &["gunicorn"],
            &[("GUNICORN_CMD_ARGS", "--graceful-timeout 60"), ("GUNICORN_CMD_ARGS", "--graceful-timeout 5")],
            5,
        ),
        (
            &["java"],
            &[
                ("SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE", "60s"),
                ("SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE", "5s"),
            ],
            5,
        ),
        (&["gunicorn", "--graceful-timeout", "5"], &[("GUNICORN_CMD_ARGS", "--graceful-timeout 60")], 5),
    ] {
        assert_eq!(seconds_of(line, variables), Some(expected), "{line:?} {variables:?}");
    }
    let unknown = ["gunicorn", "--graceful-timeout", "60", "--graceful-timeout", "$T"];
    assert_eq!(seconds_of(&unknown, &[]), None);
    let of_line = ["gunicorn", "--graceful-timeout", "$T"];
    assert_eq!(seconds_of(&of_line, &[("GUNICORN_CMD_ARGS", "--graceful-timeout 60")]), None);
}

#[test]
fn only_the_flags_of_the_program_that_runs_in_the_end_count() {
    for (text, expected) in [
        ("wait-for -t 60 redis:6379 && exec bundle exec sidekiq", Some(25)),
        ("timeout -t 60 ./migrate; exec bundle exec sidekiq -t 5", Some(5)),
        ("# was: gunicorn --graceful-timeout 60 app\nexec gunicorn --graceful-timeout 20 app", Some(20)),
        ("# was: gunicorn --graceful-timeout 60 app\nexec node server.js", None),
        ("echo running gunicorn --graceful-timeout 60; exec node app.js", None),
        (
            "gunicorn --check-config --graceful-timeout 60 app; exec gunicorn --graceful-timeout 10 app",
            Some(10),
        ),
        ("cat <<E\ngunicorn --graceful-timeout 60\nE\nexec gunicorn app", Some(30)),
        ("pkill gunicorn --graceful-timeout 60; exec ./app", None),
        ("cd /app && gunicorn --graceful-timeout 60 app | tee log", Some(60)),
    ] {
        assert_eq!(script(text), expected, "{text}");
    }
    for (line, expected) in [
        (
            &["/wait-for-it.sh", "db:5432", "-t", "60", "--", "bundle", "exec", "sidekiq", "-c", "5"][..],
            Some(25),
        ),
        (&["/wait-for-it.sh", "db:5432", "-t", "60", "--", "bundle", "exec", "sidekiq", "-t", "5"], Some(5)),
        (&["/entrypoint.sh", "gunicorn", "--graceful-timeout", "60"], Some(60)),
        (&["python", "-u", "-m", "gunicorn", "--graceful-timeout", "60"], Some(60)),
        (&["python3.12", "/venv/bin/gunicorn", "--graceful-timeout", "60"], Some(60)),
        (&["newrelic-admin", "run-program", "gunicorn", "--graceful-timeout", "60"], Some(60)),
        (&["sudo", "-u", "nginx", "gunicorn", "--graceful-timeout", "60"], Some(60)),
        (&["python", "manage.py", "gunicorn", "--graceful-timeout", "60"], None),
        (&["node", "a.js", "gunicorn", "--graceful-timeout", "60"], None),
        (&["gunicorn-exporter", "--graceful-timeout", "60"], None),
        (&["sh", "-c", "exec gunicorn \"$@\"", "--", "--graceful-timeout", "60"], Some(60)),
        (
            &["sh", "-c", "exec gunicorn --graceful-timeout 60 \"$@\"", "x", "--graceful-timeout", "5"],
            Some(5),
        ),
        (
            &[
                "sh",
                "-c",
                "sed -i 's/worker_shutdown_timeout 9s;/worker_shutdown_timeout 60s;/' /a; exec nginx",
            ],
            None,
        ),
    ] {
        assert_eq!(seconds_of(line, &[]), expected, "{line:?}");
    }
}

#[test]
fn of_the_branches_of_a_script_the_shortest_counts_if_all_are_known() {
    for (text, expected) in [
        (
            "if [ \"$ROLE\" = worker ]; then exec bundle exec sidekiq -t 60; fi; exec gunicorn --graceful-timeout 20 app",
            Some(20),
        ),
        (
            "if [ \"$ROLE\" = worker ]; then exec bundle exec sidekiq -t 20; fi; exec gunicorn --graceful-timeout 60 app",
            Some(20),
        ),
        ("[ \"$ROLE\" = api ] && exec node a.js; exec gunicorn --graceful-timeout 60 app", None),
        ("case $ROLE in a) exec sidekiq -t 60;; *) exec node a.js;; esac", None),
        ("case $ROLE in a) exec sidekiq -t 60;; *) exec sidekiq -t 40;; esac", Some(40)),
        ("if [ -n \"$MIGRATE\" ]; then ./migrate; fi; exec gunicorn --graceful-timeout 60 app", Some(60)),
    ] {
        assert_eq!(script(text), expected, "{text}");
    }
}

#[test]
fn a_variable_counts_unless_another_program_runs() {
    let spring = ("SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE", "60s");
    let dotnet = ("DOTNET_SHUTDOWNTIMEOUTSECONDS", "60");
    let gunicorn = ("GUNICORN_CMD_ARGS", "--graceful-timeout 60");
    let ebbtide = ("EBBTIDE_GRACE", "65s");
    for (line, expected) in [
        (&[][..], [true, true, true, true]),
        (&["./start.sh"], [true, true, true, true]),
        (&["./shop"], [true, true, false, true]),
        (&["java", "-jar", "a.jar"], [true, false, false, false]),
        (&["dotnet", "Shop.dll"], [false, true, false, false]),
        (&["gunicorn", "app"], [false, false, true, false]),
        (&["node", "a.js"], [false; 4]),
        (&["python", "beat.py"], [false; 4]),
        (&["celery", "-A", "a", "worker"], [false; 4]),
        (&["redis-server"], [false; 4]),
    ] {
        let counts = [spring, dotnet, gunicorn, ebbtide]
            .map(|variable| seconds_of(line, &[variable]).is_some_and(|time| time == 60));
        assert_eq!(counts, expected, "{line:?}");
    }
    let both = [dotnet, ("ASPNETCORE_SHUTDOWNTIMEOUTSECONDS", "5")];
    assert_eq!(seconds_of(&["dotnet", "a.dll"], &both), None);
}

#[test]
fn spring_takes_arguments_over_system_properties_over_variables() {
    let name = "SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE";
    let option = "-Dspring.lifecycle.timeout-per-shutdown-phase";
    let with = |value: &str| format!("{option}={value}");
    for (line, variables, expected) in [
        (
            "java -jar a.jar".to_owned(),
            vec![("JAVA_TOOL_OPTIONS", with("20s")), (name, "60s".to_owned())],
            Some(20),
        ),
        (
            format!("java {} -jar a.jar --spring.lifecycle.timeout-per-shutdown-phase=10s", with("60s")),
            vec![],
            Some(10),
        ),
        (format!("java {} -jar a.jar", with("30s")), vec![("JAVA_TOOL_OPTIONS", with("20s"))], Some(30)),
        (
            "java -jar a.jar".to_owned(),
            vec![("JAVA_TOOL_OPTIONS", with("20s")), ("JDK_JAVA_OPTIONS", with("40s"))],
            Some(40),
        ),
        (format!("java {} -jar a.jar", with("30s")), vec![("_JAVA_OPTIONS", with("20s"))], Some(20)),
        // An argument of the program, and none of Java.
        (format!("java -jar a.jar {}", with("60s")), vec![], None),
        ("java -cp lib -Da=b Main".to_owned(), vec![(name, "60s".to_owned())], Some(60)),
        (
            "java -jar a.jar".to_owned(),
            vec![("SERVER_SHUTDOWN", "immediate".to_owned()), (name, "60s".to_owned())],
            None,
        ),
        (
            "java -jar a.jar --server.shutdown=graceful".to_owned(),
            vec![("SERVER_SHUTDOWN", "immediate".to_owned()), (name, "60s".to_owned())],
            Some(60),
        ),
        (
            "java -jar a.jar".to_owned(),
            vec![
                (
                    "SPRING_APPLICATION_JSON",
                    "{\"spring.lifecycle.timeout-per-shutdown-phase\":\"5s\"}".to_owned(),
                ),
                (name, "60s".to_owned()),
            ],
            None,
        ),
        (
            "java -jar a.jar".to_owned(),
            vec![("JAVA_TOOL_OPTIONS", "-Xmx1g $MORE".to_owned()), (name, "60s".to_owned())],
            None,
        ),
        (
            "java -jar a.jar".to_owned(),
            vec![("JAVA_TOOL_OPTIONS", "-Xmx$HEAP".to_owned()), (name, "60s".to_owned())],
            Some(60),
        ),
        (
            "java -jar a.jar".to_owned(),
            vec![("SPRING_APPLICATION_JSON", "$SETTINGS".to_owned()), (name, "60s".to_owned())],
            None,
        ),
        ("./run.sh".to_owned(), vec![("JAVA_OPTS", with("20s")), (name, "60s".to_owned())], None),
        (
            "java -jar a.jar --spring.lifecycle.timeoutPerShutdownPhase=5s".to_owned(),
            vec![(name, "60s".to_owned())],
            Some(5),
        ),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(seconds_of(&words, &variables), expected, "{line} {variables:?}");
    }
}

#[test]
fn each_entry_point_of_traefik_adds_up_its_own_times() {
    let option = |name: &str, option: &str, value: &str| {
        format!("--entryPoints.{name}.transport.lifeCycle.{option}={value}")
    };
    let slow = option("a", "requestAcceptGraceTimeout", "60");
    let lines = [
        vec![slow.clone(), option("b", "graceTimeOut", "50")],
        vec![slow.clone(), option("a", "graceTimeOut", "5"), option("b", "graceTimeOut", "50")],
        vec![slow],
    ];
    let found = lines.map(|line| {
        let words: Vec<&str> = std::iter::once("traefik").chain(line.iter().map(String::as_str)).collect();
        found(&words, &[]).map(|(time, _, is_declared)| (time, is_declared))
    });
    assert_eq!(found, [Some((50, true)), Some((65, true)), Some((70, false))]);
}

#[test]
fn the_kubelet_replaces_variables_in_the_words_of_a_command() {
    let line = ["gunicorn", "--graceful-timeout", "$(GT)"];
    let variables = [("GT", "60")];
    assert_eq!(seconds_of(&line, &variables), Some(60));
    assert_eq!(seconds_of(&line, &[]), None);
    assert_eq!(seconds_of(&line, &[("GT", "$(OTHER)")]), None);
    assert_eq!(seconds_of(&["gunicorn", "--graceful-timeout", "$$(GT)"], &variables), None);
    assert_eq!(found_on(Platform::Compose, &line, &variables), None);
}
