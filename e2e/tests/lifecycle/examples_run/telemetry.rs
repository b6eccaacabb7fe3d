use std::fs;

use ebbtide_e2e::{Collector, Process};
use tokio::runtime::Runtime;

use super::example::{address, command, exited, get, stop};

#[test]
fn traces() {
    // It has a runtime of its own.
    let collector = Collector::start();
    let runtime = Runtime::new().expect("a runtime");
    let mut command = command("traces");
    let process =
        Process::start(command.arg("127.0.0.1:0").env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.http()));
    process.says("phase=ready");
    let answer = runtime.block_on(get(address(&process, "api"), "/orders"));
    assert_eq!(answer, "no orders yet");
    // Before a batch is due.
    stop(process);
    let spans = collector.collected().spans;
    assert!(spans.iter().any(|span| span == "orders"), "{spans:?}");
}

#[test]
fn log_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("orders.log");
    let process = Process::start(command("log_file").arg(&file));
    while !fs::read_to_string(&file).is_ok_and(|log| log.contains("order checked")) {
        assert!(!process.output().contains("error"), "{}", process.output());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    exited(process);
    let log = fs::read_to_string(&file).expect("the log");
    assert!(log.lines().last().is_some_and(|line| line.contains("cause=\"SIGTERM\" code=0")), "{log}");
}
