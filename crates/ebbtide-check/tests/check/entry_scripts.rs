//! What a container runs in the end: past entry point scripts, shells and init processes.

use ebbtide_check::{Report, Severity};

use crate::common::{check_all, check_text, ids, shown};

/// Checks an image whose entry point is a script, and returns what is found with the line of the place.
fn check_script(script: &str, command: &str) -> Vec<(&'static str, String, String)> {
    let image = format!(
        "FROM node:24-slim\nCOPY docker-entrypoint.sh /\nENTRYPOINT [\"/docker-entrypoint.sh\"]\n{command}"
    );
    let script = format!("#!/bin/sh\n{script}");
    lines(&check_all(&[("Dockerfile", &image), ("docker-entrypoint.sh", &script)]))
}

fn lines(report: &Report) -> Vec<(&'static str, String, String)> {
    let line = |finding: &ebbtide_check::Finding| {
        let place = finding.place().unwrap();
        let source = report.sources.get(place.source).unwrap();
        let text = source.text()[place.start()..place.end()].to_owned();
        (finding.rule.id, source.name().to_owned(), text)
    };
    report.active().map(line).collect()
}

fn found(rule: &'static str, file: &str, text: &str) -> Vec<(&'static str, String, String)> {
    vec![(rule, file.to_owned(), text.to_owned())]
}

/// The scripts of official images, in short.
#[test]
fn scripts_that_end_with_exec_are_left_alone() {
    for script in [
        "set -e\nif [ \"${1#-}\" != \"$1\" ]; then\n  set -- node \"$@\"\nfi\nexec \"$@\"\n",
        "set -eo pipefail\nif [ \"$1\" = 'redis-server' -a \"$(id -u)\" = '0' ]; then\n  find . -exec chown redis '{}' +\n  exec gosu redis \"$0\" \"$@\"\nfi\nexec \"$@\"\n",
        "_main() {\n  if [ \"$1\" = postgres ]; then\n    setup\n  fi\n  exec \"$@\"\n}\nif ! _is_sourced; then\n  _main \"$@\"\nfi\n",
        "if [ $# -gt 0 ]; then\n  exec \"$@\"\nelse\n  exec /usr/bin/s6-svscan /etc/s6\nfi\n",
        "case \"$1\" in\n  web) shift; exec gunicorn \"$@\" ;;\n  *) exec \"$@\" ;;\nesac\n",
        "for f in /docker-entrypoint.d/*.sh; do\n  . \"$f\"\ndone\ntest -n \"$1\" && exec \"$@\"\n",
        "trap 'kill -TERM $child' TERM\nnode server.js &\nchild=$!\nwait $child\n",
        "cat > /etc/app.conf <<EOF\nport=1\nEOF\nexec node server.js\n",
    ] {
        assert_eq!(check_script(script, "CMD [\"node\", \"server.js\"]\n"), [], "{script}");
    }
}

/// The same scripts without their last `exec`: what is before it hides nothing.
#[test]
fn the_last_command_is_what_counts() {
    for (script, at) in [
        (
            "set -e\nif [ -n \"$MIGRATE\" ]; then\n  exec node migrate.js\nfi\nnode server.js\n",
            "node server.js",
        ),
        ("for f in /d/*.sh; do . \"$f\"; done\nnode server.js --port 80\n", "node server.js --port 80"),
        ("case \"$X\" in a) exec b ;; esac\n\"$@\"\n", "\"$@\""),
        ("run() {\n  node server.js\n}\nrun\n", "node server.js"),
        ("if [ \"$A\" ]; then\n  node a.js\nelse\n  exec node b.js\nfi\n", "node a.js"),
        ("until nc -z db 1; do sleep 1; done\nexec node server.js | tee log\n", "exec node server.js"),
        ("trap cleanup EXIT\nnode server.js\n", "node server.js"),
    ] {
        let expected = found("D003", "docker-entrypoint.sh", at);
        assert_eq!(check_script(script, ""), expected, "{script}");
    }
}

#[test]
fn a_branch_that_the_command_cannot_reach_is_left_out() {
    let script = "case \"$1\" in\n  migrate) node migrate.js ;;\n  *) exec \"$@\" ;;\nesac\n";
    assert_eq!(check_script(script, "CMD [\"node\", \"server.js\"]\n"), []);
    let reached = found("D003", "docker-entrypoint.sh", "node migrate.js");
    assert_eq!(check_script(script, "CMD [\"migrate\"]\n"), reached);
    assert_eq!(check_script(script, ""), reached, "without a command any branch may run");
}

#[test]
fn a_package_manager_behind_an_entry_script_is_found_where_it_is_written() {
    let forwards = "set -e\nif [ \"$1\" = x ]; then exec x; fi\nexec \"$@\"\n";
    let npm = found("D004", "Dockerfile", "\"npm\"");
    for script in [
        forwards,
        "exec gosu app \"$@\"\n",
        "main() { exec \"$@\"; }\nmain \"$@\"\n",
        "exec tini -- \"$@\"\n",
    ] {
        assert_eq!(check_script(script, "CMD [\"npm\", \"start\"]\n"), npm, "{script}");
        assert_eq!(check_script(script, "CMD [\"node\", \"server.js\"]\n"), [], "{script}");
    }
    let own = found("D004", "docker-entrypoint.sh", "exec yarn start");
    assert_eq!(check_script("exec yarn start\n", "CMD [\"ignored\"]\n"), own);
    // Without the script it is not known what runs.
    let image = "FROM node:24-slim\nENTRYPOINT [\"/docker-entrypoint.sh\"]\nCMD [\"npm\", \"start\"]\n";
    assert_eq!(ids(&check_text("Dockerfile", image)), [""; 0]);
    let split = "FROM node:24-slim\nENTRYPOINT [\"npm\"]\nCMD [\"start\"]\n";
    assert_eq!(lines(&check_text("Dockerfile", split)), found("D004", "Dockerfile", "\"npm\""));
}

#[test]
fn an_init_process_does_not_help_a_package_manager_and_the_note_says_why() {
    let image =
        |init: &str| format!("FROM node:24-slim\nENTRYPOINT {init}\nCMD [\"npm\", \"run\", \"start\"]\n");
    for (init, expected) in [
        ("[\"tini\", \"--\"]", "the init signals npm alone"),
        (
            "[\"/sbin/tini\", \"-g\", \"--\"]",
            "the init signals the program too, and ends as soon as npm does",
        ),
        ("[\"dumb-init\"]", "the init signals the program too, and ends as soon as npm does"),
    ] {
        let report = check_text("Dockerfile", &image(init));
        assert_eq!(lines(&report), found("D004", "Dockerfile", "\"npm\""), "{init}");
        assert!(shown(&report).contains(expected), "{}", shown(&report));
    }
    let compose = "services:\n  web: {image: web, init: true, command: npm start}\n";
    let report = check_text("compose.yaml", compose);
    assert!(ids(&report) == ["D004"] && shown(&report).contains("the init signals npm alone"));
}

#[test]
fn package_managers_are_found_on_every_platform_of_containers() {
    let pod = |kind: &str| {
        let spec = "{containers: [{name: web, image: web, args: [npm, start]}]}";
        let group = if kind == "Job" { "batch/v1" } else { "apps/v1" };
        format!(
            "apiVersion: {group}\nkind: {kind}\nmetadata: {{name: web}}\nspec:\n  template:\n    spec: {spec}\n"
        )
    };
    let severity = |name: &str, text: &str| {
        let report = check_text(name, text);
        let found = report.active().find(|finding| finding.rule.id == "D004");
        found.map(|finding| finding.severity)
    };
    assert_eq!(severity("a.yaml", &pod("Deployment")), Some(Severity::Warning));
    assert_eq!(severity("a.yaml", &pod("Job")), Some(Severity::Info));
    assert_eq!(severity("a.yaml", &pod("Deployment").replace("npm, start", "node, a.js")), None);
    let task = "{\"containerDefinitions\": [{\"name\": \"web\", \"image\": \"web\", \"command\": [\"yarn\", \"start\"]}]}";
    assert_eq!(severity("task.json", task), Some(Severity::Warning));
    let job = |kind: &str| {
        format!(
            "job \"shop\" {{\n  type = \"{kind}\"\n  group \"web\" {{\n    task \"web\" {{\n      driver = \"docker\"\n      config {{\n        image = \"web\"\n        args = [\"npm\", \"start\"]\n      }}\n    }}\n  }}\n}}\n"
        )
    };
    assert_eq!(severity("a.nomad", &job("service")), Some(Severity::Warning));
    assert_eq!(severity("a.nomad", &job("batch")), None);
}

#[test]
fn a_shell_behind_an_init_process_ends_before_the_program() {
    let image = |init: &str, script: &str| {
        let text = format!("FROM debian:12\nENTRYPOINT [{init}]\nCMD [\"sh\", \"-c\", \"{script}\"]\n");
        ids(&check_text("Dockerfile", &text))
    };
    for init in ["\"tini\", \"--\"", "\"tini\", \"-g\", \"--\"", "\"dumb-init\""] {
        assert_eq!(image(init, "app | tee log"), ["D008"], "{init}");
        assert_eq!(image(init, "exec app"), [""; 0], "{init}");
    }
    let task = |init: bool| {
        format!(
            "{{\"containerDefinitions\": [{{\"name\": \"web\", \"image\": \"web\", \"command\": [\"sh\", \"-c\", \"a; b\"], \"linuxParameters\": {{\"initProcessEnabled\": {init}}}}}]}}"
        )
    };
    assert_eq!(ids(&check_text("task.json", &task(true))), ["D008"]);
    assert_eq!(ids(&check_text("task.json", &task(false))), ["E013"]);
}

/// The program of an inherited stop signal is where the command is, and not where the entry point is.
#[test]
fn the_program_that_gets_a_wrong_signal_is_shown() {
    let image = "FROM nginx:1.27\nENTRYPOINT [\"tini\", \"--\"]\nCMD [\"node\", \"server.js\"]\n";
    assert_eq!(lines(&check_text("Dockerfile", image)), found("D006", "Dockerfile", "\"node\""));
}

/// A script may be the command, and the file of a shell.
#[test]
fn a_script_is_found_wherever_the_image_starts_it() {
    let script = "#!/bin/bash\nset -e\nmigrate\n./shop --port 80\n";
    let check = |lines: &str, script: &str| {
        check_all(&[
            ("Dockerfile", &format!("FROM debian:12\nWORKDIR /app\nCOPY . .\n{lines}\n")),
            ("start.sh", script),
        ])
    };
    for start in [
        "CMD [\"./start.sh\"]",
        "CMD [\"bash\", \"start.sh\"]",
        "ENTRYPOINT [\"/bin/sh\", \"-e\", \"/app/start.sh\"]",
        "ENTRYPOINT [\"/app/start.sh\"]\nCMD [\"web\"]",
    ] {
        let report = check(start, script);
        assert_eq!(lines(&report), found("D003", "start.sh", "./shop --port 80"), "{start}");
        assert!(shown(&report).contains("runs on after `docker stop`"), "{}", shown(&report));
        assert_eq!(lines(&check(start, &script.replace("./shop", "exec ./shop"))), [], "{start}");
    }
    // Another program reads it, or another file is run.
    for start in ["CMD [\"python\", \"start.sh\"]", "CMD [\"bash\", \"other.sh\"]", "CMD [\"shop\"]"] {
        assert_eq!(lines(&check(start, script)), [], "{start}");
    }
    // The arguments are those after the file.
    let branches = "#!/bin/sh\ncase \"$1\" in\n  web) exec ./web ;;\n  *) ./other ;;\nesac\n";
    assert_eq!(lines(&check("CMD [\"sh\", \"start.sh\", \"web\"]", branches)), []);
    assert_eq!(lines(&check("CMD [\"sh\", \"start.sh\", \"job\"]", branches)).len(), 1);
}

/// The shell is not process 1 then: it ends at SIGTERM, and the program with it.
#[test]
fn behind_an_init_a_script_takes_the_program_along() {
    let image = "FROM debian:12\nCOPY start.sh /\nENTRYPOINT [\"tini\", \"--\", \"/start.sh\"]\n";
    let report = check_all(&[("Dockerfile", image), ("start.sh", "#!/bin/sh\n./shop\n")]);
    let shown = shown(&report);
    assert_eq!(ids(&report), ["D003"], "{shown}");
    assert!(
        shown.contains("at SIGTERM the script and the init end") && !shown.contains("process 1"),
        "{shown}"
    );
}

#[test]
fn a_workload_runs_the_script_that_is_the_command_of_its_image() {
    let check = |more: &str| {
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: shop}}\nspec:\n  containers:\n    - name: shop\n      image: acme/shop:1\n{more}"
        );
        ids(&check_all(&[
            ("compose.yaml", "services:\n  shop: {image: acme/shop, build: .}\n"),
            ("Dockerfile", "FROM debian:12\nCOPY start.sh .\nCMD [\"./start.sh\"]\n"),
            ("start.sh", "#!/bin/sh\nmigrate\n./shop\n"),
            ("pod.yaml", &pod),
        ]))
    };
    // One in the image, and one of the pod.
    assert_eq!(check("").iter().filter(|id| **id == "X001").count(), 1);
    assert!(!check("      args: [./other]\n").contains(&"X001"));
}

/// A script that a shell replaces itself by is process 1 too.
#[test]
fn a_script_behind_a_shell_form_is_followed() {
    let check = |command: &str, script: &str| {
        ids(&check_all(&[
            ("Dockerfile", &format!("FROM debian:12\nCOPY run.sh /\nCMD {command}\n")),
            ("run.sh", script),
        ]))
    };
    let (piped, replaced) = ("#!/bin/sh\nexec ./serve 2>&1 | tee log\n", "#!/bin/sh\nexec ./serve\n");
    for command in
        ["exec /run.sh", "[\"sh\", \"-c\", \"exec /run.sh\"]", "cd / && exec bash /run.sh", "[\"/run.sh\"]"]
    {
        assert_eq!((check(command, piped), check(command, replaced)), (vec!["D003"], vec![]), "{command}");
    }
    let report =
        check_all(&[("Dockerfile", "FROM debian:12\nCOPY run.sh /\nCMD [\"/run.sh\"]\n"), ("run.sh", piped)]);
    assert!(report.findings[0].remedy.contains("neither in a pipe"), "{}", shown(&report));
    assert_eq!((check("/run.sh", piped), check("/run.sh", replaced)), (vec!["D001", "D003"], vec!["D001"]));
}

/// Whatever has the name of a script of the base image is another file, unless the Dockerfile puts it there.
#[test]
fn a_script_is_one_that_the_dockerfile_copies_to_where_it_is_started() {
    for (lines, start, is_read) in [
        ("", "[\"docker-entrypoint.sh\"]", false),
        ("COPY config /etc/app", "[\"docker-entrypoint.sh\"]", false),
        ("COPY api/docker-entrypoint.sh /opt/", "[\"docker-entrypoint.sh\"]", false),
        ("COPY api/docker-entrypoint.sh /opt/", "[\"/docker-entrypoint.sh\"]", false),
        ("COPY --from=build api/docker-entrypoint.sh /usr/local/bin/", "[\"docker-entrypoint.sh\"]", false),
        ("COPY <<EOF /docker-entrypoint.sh\nexec a\nEOF", "[\"/docker-entrypoint.sh\"]", false),
        ("COPY api/docker-entrypoint.sh /usr/local/bin/", "[\"docker-entrypoint.sh\"]", true),
        ("COPY --chmod=755 api/docker-entrypoint.sh /usr/local/bin", "[\"docker-entrypoint.sh\"]", true),
        ("COPY [\"api/docker-entrypoint.sh\", \"/usr/bin/start\"]", "[\"start\"]", true),
        ("ADD api/*.sh /", "[\"/docker-entrypoint.sh\"]", true),
        ("COPY api /srv", "[\"/srv/docker-entrypoint.sh\"]", true),
        ("COPY api /srv", "[\"/docker-entrypoint.sh\"]", false),
        ("WORKDIR /app\nCOPY . .", "[\"./api/docker-entrypoint.sh\"]", true),
        ("WORKDIR /app\nCOPY . .", "[\"/app/api/docker-entrypoint.sh\"]", true),
        ("WORKDIR /app\nCOPY api/ ./\nWORKDIR /", "[\"./docker-entrypoint.sh\"]", false),
        ("COPY . $HOME", "[\"/home/api/docker-entrypoint.sh\"]", true),
    ] {
        let image = format!("FROM postgres:16\n{lines}\nENTRYPOINT {start}\n");
        let script = ("api/docker-entrypoint.sh", "#!/bin/sh\nmigrate\n./shop\n");
        let report = check_all(&[("Dockerfile", &image), script]);
        assert_eq!(ids(&report).contains(&"D003"), is_read, "{image}{}", shown(&report));
    }
}

/// A branch that the CMD chooses, and that replaces the shell, is the end of the script.
#[test]
fn what_the_command_of_the_image_never_reaches_is_left_out() {
    let found = |command: &str| {
        let dockerfile =
            format!("FROM debian:12\nCOPY start.sh /\nENTRYPOINT [\"/start.sh\"]\nCMD {command}\n");
        let script = "#!/bin/sh\nif [ \"$1\" = app ]; then exec app; fi\n\"$@\"\n";
        let report = check_all(&[("Dockerfile", &dockerfile), ("start.sh", script)]);
        ids(&report).contains(&"D003")
    };
    assert!(!found("[\"app\"]"));
    assert!(found("[\"other\"]"));
}

#[test]
fn the_first_argument_is_followed_into_variables_and_conditions() {
    for (script, reaches) in [
        (
            "case \"${1:-serve}\" in\n  serve) exec server ;;\n  shell) bash -i ;;\n  *) exec \"$@\" ;;\nesac\n",
            false,
        ),
        (
            "cmd=\"${1:-serve}\"\ncase \"$cmd\" in\n  serve) exec server ;;\n  shell) bash -i ;;\nesac\n",
            false,
        ),
        (
            "export cmd=$1\ncmd=${cmd:-serve}\nshift\ncase ${cmd} in\n  serve) exec server ;;\n  shell) bash -i ;;\nesac\n",
            false,
        ),
        ("a=$1\ncmd=$a\nif [ \"$cmd\" = shell ]; then\n  bash -i\nelse\n  exec server\nfi\n", false),
        (
            "if [[ \"$1\" == \"shell\" || \"$1\" = \"bash\" ]]; then\n  bash -i\nelse\n  exec server\nfi\n",
            false,
        ),
        ("if [ \"$1\" = shell ] || test \"$1\" = bash; then\n  bash -i\nelse\n  exec server\nfi\n", false),
        ("if [ \"$1\" != serve ]; then\n  bash -i\nelse\n  exec server\nfi\n", false),
        ("if [[ $1 = shell && -n $DEBUG ]]; then\n  bash -i\nelse\n  exec server\nfi\n", false),
        // Others decide.
        ("case \"${2:-serve}\" in\n  serve) exec server ;;\n  shell) bash -i ;;\nesac\n", true),
        ("case \"${MODE:-serve}\" in\n  serve) exec server ;;\n  shell) bash -i ;;\nesac\n", true),
        ("cmd=$MODE\ncase \"$cmd\" in\n  serve) exec server ;;\n  shell) bash -i ;;\nesac\n", true),
        (
            "cmd=$1\n[ -z \"$MODE\" ] || cmd=shell\ncase \"$cmd\" in\n  serve) exec server ;;\n  shell) bash -i ;;\nesac\n",
            true,
        ),
        ("shift\ncmd=$1\ncase \"$cmd\" in\n  serve) exec server ;;\n  shell) bash -i ;;\nesac\n", true),
        ("if [[ \"$1\" == \"shell\" || -n \"$DEBUG\" ]]; then\n  bash -i\nelse\n  exec server\nfi\n", true),
        ("if [[ ! ( \"$1\" == \"serve\" && -n \"$X\" ) ]]; then\n  bash -i\nelse\n  exec server\nfi\n", true),
        ("if ! [ \"$1\" = shell ]; then\n  bash -i\nelse\n  exec server\nfi\n", true),
    ] {
        let expected = if reaches { found("D003", "docker-entrypoint.sh", "bash -i") } else { Vec::new() };
        assert_eq!(check_script(script, "CMD [\"serve\"]\n"), expected, "{script}");
        let shell = found("D003", "docker-entrypoint.sh", "bash -i");
        assert_eq!(check_script(script, ""), shell, "without a command any branch may run: {script}");
    }
    let script =
        "cmd=\"${1:-serve}\"\ncase \"$cmd\" in\n  serve) exec server ;;\n  shell) bash -i ;;\nesac\n";
    let reached = found("D003", "docker-entrypoint.sh", "bash -i");
    assert_eq!(check_script(script, "CMD [\"shell\"]\n"), reached);
}
