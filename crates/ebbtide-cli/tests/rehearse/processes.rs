//! Processes: the service, what it leaves behind, and the command itself. Also the exit codes without a verdict: 2 for wrong
//! usage, 3 for a service that could not be rehearsed.

use std::fs;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::common::{SMALL, check, ebbtide, need, service, verdict};
use crate::ports::free_port;

#[test]
fn a_service_that_ignores_the_signal_is_killed_and_fails() {
    need("python3");
    let port = free_port().to_string();
    let output = ebbtide()
        .args(["rehearse", "--format=json", "--grace=1s", "--ready", &port])
        .args(SMALL)
        .args(["--", "python3"])
        .arg(service("naive.py"))
        .args([&port, "ignore"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let verdict = verdict(&output);
    for id in ["signal-handled", "no-kill", "exit-in-time", "exit-code"] {
        assert_eq!(check(&verdict, id).0, "fail", "{id}: {verdict:#}");
    }
    assert_eq!(verdict["exit"]["signal"], 9);
}

#[test]
fn a_process_left_behind_is_named_and_ended_even_in_another_session() {
    need("python3");
    let port = free_port().to_string();
    // Two helpers: one in the service's process group, and one that has left it.
    let script = "sleep 61.7 & setsid sleep 61.7 & exec python3 \"$0\" \"$1\"";
    let output = ebbtide()
        .args(["rehearse", "--format=json", "--ready", &port])
        .args(SMALL)
        .args(["--", "sh", "-c", script])
        .arg(service("naive.py"))
        .arg(&port)
        .output()
        .unwrap();
    let (found, evidence) = check(&verdict(&output), "no-orphans");
    assert_eq!(found, "fail", "{evidence}");
    assert!(evidence.starts_with("2 processes were left behind: sleep ("), "{evidence}");
    for word in evidence.split(['(', ')']) {
        if let Ok(pid) = word.parse::<i32>() {
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} is still there");
        }
    }
}

#[test]
fn ctrl_c_ends_the_service_too_and_sets_the_exit_code() {
    need("python3");
    let port = free_port();
    let mut command = ebbtide()
        .args(["rehearse", "--warmup=60s", "--ready", &format!("{port}")])
        .args(["--storm=2", "--keepalive=2", "--open=0", "--", "python3"])
        .arg(service("naive.py"))
        .arg(port.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        sleep(Duration::from_millis(10));
    }
    kill_process(Pid::from_child(&command), Signal::INT).unwrap();
    let status = command.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the service has not exited");
    let mut words = String::new();
    command.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert!(words.contains("interrupted"), "{words}");
}

#[test]
fn a_command_that_is_killed_leaves_no_process_and_no_folder() {
    need("python3");
    let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
    // Its helpers: one in its process group, one in a separate session.
    let mut command = ebbtide()
        .args(["rehearse", "--quiet", "--warmup=60s", "--ready", &port.to_string()])
        .args(["--storm=1", "--keepalive=1", "--open=0", "--", "python3"])
        .arg(service("truth.py"))
        .args([&port.to_string(), "grandchildren"])
        .env("TRUTH", folder.path().join("truth"))
        .env("TMPDIR", folder.path())
        .spawn()
        .unwrap();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        sleep(Duration::from_millis(10));
    }
    let mark = format!("EBBTIDE_REPORT={}/", folder.path().display());
    assert!(with_environment(&mark) >= 3, "the service and its helpers");
    command.kill().unwrap();
    command.wait().unwrap();
    let left = || {
        fs::read_dir(folder.path())
            .unwrap()
            .filter(|entry| {
                entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("ebbtide-rehearse-")
            })
            .count()
    };
    let mut looks = 0;
    while with_environment(&mark) > 0 || left() > 0 {
        looks += 1;
        assert!(
            looks < 1000,
            "{} processes and {} folders outlive the command",
            with_environment(&mark),
            left()
        );
        sleep(Duration::from_millis(10));
    }
}

/// Returns the number of processes with an environment variable that begins with `mark`.
fn with_environment(mark: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().map_while(Result::ok);
    let environments = processes.filter_map(|entry| fs::read(entry.path().join("environ")).ok());
    let has = |environment: &Vec<u8>| {
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(mark.as_bytes()))
    };
    environments.filter(has).count()
}

#[test]
fn a_service_that_ends_by_the_signal_itself_passes_where_that_is_expected() {
    need("python3");
    let port = free_port().to_string();
    let script = "import signal, sys, os\n\
                  signal.signal(signal.SIGTERM, signal.SIG_DFL)\n\
                  sys.argv = ['', sys.argv[2]]\n\
                  source = open(os.environ['NAIVE']).read().replace('os._exit(0)', \
                  '(signal.signal(15, signal.SIG_DFL), os.kill(os.getpid(), 15))')\n\
                  exec(source)\n";
    let output = ebbtide()
        .args(["rehearse", "--format=json", "--expect-exit=signal:TERM", "--ready", &port])
        .args(SMALL)
        .env("NAIVE", service("naive.py"))
        .args(["--", "python3", "-c", script, "x", &port])
        .output()
        .unwrap();
    let verdict = verdict(&output);
    assert_eq!(
        check(&verdict, "exit-code"),
        ("pass".to_owned(), "ended by SIGTERM".to_owned()),
        "{verdict:#}"
    );
    assert_eq!(verdict["exit"]["signal"], 15);
}

#[test]
fn a_closed_stdout_is_not_an_error() {
    need("python3");
    let port = free_port().to_string();
    let mut command = ebbtide()
        .args(["rehearse", "--quiet", "--ready", &port])
        .args(SMALL)
        .args(["--", "python3"])
        .arg(service("naive.py"))
        .arg(&port)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(command.stdout.take());
    let output = command.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
fn ends(args: &[&str], code: i32, words: &str) {
    let output = ebbtide().arg("rehearse").args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words), "{said}");
    assert!(output.stdout.is_empty(), "messages belong on stderr");
}

#[test]
fn wrong_usage_exits_with_2() {
    ends(&[], 2, "no command of a service");
    ends(&["--ready=http://127.0.0.1:1/"], 2, "write it after `--`");
    ends(&["--init", "--demo"], 2, "cannot be used with");
    ends(&["--ready=ftp://127.0.0.1:1/", "--", "true"], 2, "http://");
    ends(&["--ready=1", "--grace=30x", "--", "true"], 2, "ms, s, m or h");
    ends(
        &["--ready=1", "--grace", "-3s", "--", "true"],
        2,
        "invalid duration `-3s` for '--grace <TIME>': must not be negative",
    );
    ends(
        &["--ready=1", "--grace", "0", "--", "true"],
        2,
        "invalid duration `0` for '--grace <TIME>': must be greater than 0",
    );
    ends(&["--ready=1", "--think", "-3ms", "--", "true"], 2, "invalid range `-3ms`");
    ends(&["--ready=1", "--storm", "-3", "--", "true"], 2, "invalid number `-3`");
    ends(&["--ready=1", "--grace", "--quiet", "--", "true"], 2, "invalid duration `--quiet`");
    ends(&["--ready=1", "--slow=4", "--", "true"], 2, "--url slow=");
    ends(&["--ready=1", "--storm=0", "--keepalive=0", "--open=0", "--", "true"], 2, "every shape");
    ends(&["--ready=1", "--signal=KILL", "--", "true"], 2, "--grace");
    ends(&["--ready=1", "--format=json", "--format=text", "--", "true"], 2, "stdout");
    ends(&["--ready=1", "--repeat=0", "--", "true"], 2, "--repeat");
    ends(&["--demo", "--", "--no-such-option"], 2, "options of the demo: unexpected argument");
    ends(&["--demo", "--", "--grace=x"], 2, "ebbtide demo --help");
    ends(&["--demo", "--", "--grace", "-3s"], 2, "invalid duration `-3s`");
    ends(&["--demo", "--", "--help"], 2, "--help does not start a service");
}

#[test]
fn a_service_that_cannot_be_rehearsed_exits_with_3() {
    let port = free_port().to_string();
    let ready = format!("--ready={port}");
    ends(&[&ready, "--", "/no/such/program"], 3, "cannot execute `/no/such/program`");
    ends(&[&ready, "--", "/no/such/program"], 3, "hint: the file does not exist");
    ends(&[&ready, "--", "/"], 3, "hint: this is a folder");
    ends(&[&ready, "--", "no-such-program"], 3, "hint: no folder of PATH has it");
    ends(&[&ready, "--", "sh", "-c", "echo no luck >&2; exit 7"], 3, "no luck");
    ends(&[&ready, "--", "sh", "-c", "exit 7"], 3, "exit code 7");
    ends(&[&ready, "--ready-timeout=300ms", "--", "sleep", "62"], 3, "--ready-timeout");
    ends(&["--ready=http://no-such-host.invalid/", "--", "true"], 3, "resolve");
}

#[test]
fn a_port_in_use_exits_with_3() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    ends(&[&format!("--ready={port}"), "--", "sleep", "62"], 3, "already listens there");
}

#[test]
fn help_documents_checks_and_exit_codes() {
    let output = ebbtide().args(["rehearse", "--help"]).output().unwrap();
    let help = String::from_utf8_lossy(&output.stdout);
    for word in ["Exit codes:", "  3 ", "requests-answered", "Examples:", "--max-requests"] {
        assert!(help.contains(word), "{word}");
    }
}
