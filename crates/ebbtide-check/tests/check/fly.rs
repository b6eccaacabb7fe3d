//! Applications of Fly: the Dockerfile beside them, and the signal that stops their server.

use crate::common::{check_all, check_text, ids, shown};

fn app(more: &str) -> String {
    format!("app = \"docs\"\nprimary_region = \"ams\"\nkill_timeout = 30\n{more}")
}

#[test]
fn the_kill_signal_has_to_be_the_graceful_stop_of_the_server() {
    for (more, expected) in [
        ("[build]\n  image = \"nginx:1.27\"\n", &["P004"][..]),
        ("kill_signal = \"SIGTERM\"\n[build]\n  image = \"nginx:1.27\"\n", &["P004"]),
        ("kill_signal = \"SIGQUIT\"\n[build]\n  image = \"nginx:1.27\"\n", &[]),
        // SIGINT is the fast shutdown of PostgreSQL, which ends its sessions in order.
        ("[build]\n  image = \"postgres:17\"\n", &[]),
        ("[build]\n  image = \"ghcr.io/acme/shop\"\n", &[]),
        ("[processes]\n  web = \"nginx -g 'daemon off;'\"\n", &["P004"]),
        ("kill_signal = \"SIGKILL\"\n[processes]\n  web = \"shop\"\n", &["P004"]),
        ("kill_signal = \"SIGFOO\"\n[processes]\n  web = \"shop\"\n", &["P004"]),
    ] {
        let report = check_text("fly.toml", &app(more));
        assert_eq!(ids(&report), expected, "{}", shown(&report));
    }
}

#[test]
fn the_dockerfile_beside_the_file_says_which_server_it_is_and_how_long_it_drains() {
    let nginx = "FROM nginx:1.27\nCOPY . /usr/share/nginx/html\n";
    let report = check_all(&[("web/fly.toml", &app("[deploy]\n")), ("web/Dockerfile", nginx)]);
    assert_eq!(ids(&report), ["P004"], "{}", shown(&report));
    let slow = "FROM debian:12\nENV EBBTIDE_GRACE=60s\nCMD [\"shop\"]\n";
    let report = check_all(&[("web/fly.toml", &app("[deploy]\n")), ("web/Dockerfile", slow)]);
    assert_eq!(ids(&report), ["P001"], "{}", shown(&report));
    // The opposite: another Dockerfile, another folder, an image that is not built.
    let other = app("[build]\n  dockerfile = \"Dockerfile.web\"\n");
    assert_eq!(ids(&check_all(&[("web/fly.toml", &other), ("web/Dockerfile", nginx)])), [""; 0]);
    assert_eq!(ids(&check_all(&[("web/fly.toml", &app("[deploy]\n")), ("Dockerfile", nginx)])), [""; 0]);
    let ready = app("[build]\n  image = \"ghcr.io/acme/shop\"\n");
    assert_eq!(ids(&check_all(&[("web/fly.toml", &ready), ("web/Dockerfile", nginx)])), [""; 0]);
    let named = check_all(&[("web/fly.toml", &other), ("web/Dockerfile.web", nginx)]);
    assert_eq!(ids(&named), ["P004"], "{}", shown(&named));
}

#[test]
fn the_command_of_the_experimental_section_replaces_that_of_the_image() {
    let nginx = "[build]\n  image = \"nginx:1.27\"\n";
    let web = "[processes]\n  web = \"shop\"\n";
    for (section, more, expected) in [
        ("cmd = [\"sh\", \"-c\", \"shop | tee log\"]", "", &["P004"][..]),
        ("cmd = [\"sh\", \"-c\", \"shop | tee log\"]", web, &[]),
        ("entrypoint = [\"sh\", \"-c\", \"shop | tee log\"]", web, &["P004"]),
        ("exec = [\"sh\", \"-c\", \"shop | tee log\"]", web, &["P004"]),
        ("exec = [\"shop\"]", "[processes]\n  web = \"sh -c 'a; b'\"\n", &[]),
        ("cmd = [\"shop\"]", nginx, &[]),
        ("cmd = [\"uvicorn\", \"--timeout-graceful-shutdown\", \"60\"]", "", &["P001"]),
        ("auto_rollback = true", nginx, &["P004"]),
    ] {
        let report = check_text("fly.toml", &app(&format!("{more}[experimental]\n  {section}\n")));
        assert_eq!(ids(&report), expected, "{section}{more}{}", shown(&report));
    }
}

#[test]
fn the_longest_kill_timeout_is_that_of_the_machines() {
    for (timeout, machines, is_allowed) in [
        ("600", "[[vm]]\n  size = \"shared-cpu-1x\"\n", false),
        ("300", "[[vm]]\n  size = \"shared-cpu-1x\"\n", true),
        ("600", "[[vm]]\n  cpu_kind = \"shared\"\n  cpus = 2\n", false),
        ("600", "[[vm]]\n  size = \"performance-2x\"\n", true),
        ("600", "[[vm]]\n  cpu_kind = \"performance\"\n", true),
        ("86401", "[[vm]]\n  size = \"performance-2x\"\n", false),
        ("600", "[[vm]]\n  memory = \"1gb\"\n", true),
        ("600", "", true),
        ("86401", "", false),
        // Machines of another group, and one of each kind.
        ("600", "[[vm]]\n  size = \"shared-cpu-1x\"\n  processes = [\"worker\"]\n", true),
        ("600", "[[vm]]\n  size = \"shared-cpu-1x\"\n[[vm]]\n  size = \"performance-1x\"\n", true),
    ] {
        let text = format!("app = \"docs\"\nkill_timeout = {timeout}\n{machines}");
        let expected: &[&str] = if is_allowed { &[] } else { &["P001"] };
        assert_eq!(ids(&check_text("fly.toml", &text)), expected, "{text}");
    }
    let text = "app = \"docs\"\nkill_timeout = 600\n[processes]\n  web = \"a\"\n  worker = \"b\"\n[[vm]]\n  size = \
                \"shared-cpu-1x\"\n  processes = [\"worker\"]\n";
    let report = check_text("fly.toml", text);
    let subjects: Vec<_> = report.active().map(|finding| &*finding.subject).collect();
    assert_eq!(subjects, ["application docs/worker"], "{}", shown(&report));
}

#[test]
fn a_file_is_recognised_by_its_name_or_by_one_of_its_keys() {
    for (name, text, is_read) in [
        ("fly.toml", "app = \"a\"\n", true),
        ("fly.staging.toml", "app = \"a\"\n", true),
        ("other.toml", "app = \"a\"\n[build]\n  image = \"nginx:1.27\"\n", true),
        ("other.toml", "app = \"a\"\n", false),
        ("other.toml", "[build]\n  image = \"nginx:1.27\"\n", false),
        ("fly.toml", "[build]\n  command = \"a\"\n", false),
    ] {
        assert_eq!(check_text(name, text).recognised, usize::from(is_read), "{name}: {text}");
    }
}
