//! What a rehearsal leaves on a broker. Needs Redis: the one that `EBBTIDE_TEST_REDIS` names, or the local one.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::common::ebbtide;

/// Asks Redis for one thing, and returns the first line of its answer.
fn redis(url: &str, command: &str) -> String {
    let address = url.trim_start_matches("redis://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    writeln!(stream, "{command}").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
fn ctrl_c_leaves_nothing_of_the_demo_on_its_broker() {
    let url = env::var("EBBTIDE_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379/".to_owned());
    let mut command = ebbtide()
        .args(["rehearse", "--demo", "--quiet", "--warmup=60s", "--", "--queue", "redis"])
        .env("REDIS_URL", &url)
        .spawn()
        .unwrap();
    let keys = || redis(&url, &format!("KEYS ebbtide-rehearsal-{}-*", command.id()));
    while keys() == "*0" {
        sleep(Duration::from_millis(10));
    }
    kill_process(Pid::from_child(&command), Signal::INT).unwrap();
    assert_eq!(command.wait().unwrap().code(), Some(130));
    assert_eq!(redis(&url, &format!("KEYS ebbtide-rehearsal-{}-*", command.id())), "*0");
}
