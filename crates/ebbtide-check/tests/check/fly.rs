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
