use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::example::{post, serve, start, stop};

const NONE: [&str; 0] = [];

#[tokio::test]
async fn workers() {
    let served = serve("workers", &NONE);
    post(served.addr, "/thumbnails", "cat.png").await;
    // It is still being resized at the signal.
    stop(served.process).said("thumbnail written image=\"cat.png\"");
}

#[test]
fn cron() {
    let process = start("cron", &["* * * * * *"]);
    process.says("report begun");
    let ended = stop(process);
    let reports = |what| ended.output.matches(what).count();
    assert_eq!(reports("report begun"), reports("report written"), "{}", ended.output);
}

#[test]
fn custom_resource() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = server.local_addr().expect("its address").to_string();
    let process = start("custom_resource", &[address]);
    let (mut connection, _) = server.accept().expect("a connection");
    let mut ping = [0; b"PING\r\n".len()];
    connection.read_exact(&mut ping).expect("a ping");
    connection.write_all(b"+PONG\r\n").expect("sent");
    process.says("readiness check: green check=\"cache\"");
    stop(process).said("cache closed");
    assert_eq!(connection.read(&mut ping).expect("the end"), 0);
}

#[test]
fn custom_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    let left = |name: &str| fs::read_dir(folder.path().join(name)).expect("a folder").count();
    // As a process leaves it that was killed.
    fs::create_dir(folder.path().join("taken")).expect("a folder");
    fs::write(folder.path().join("taken/000000000000001.1.welcome-6"), "b@example.org").expect("written");
    let process = start("custom_queue", &[folder.path()]);
    process.says("email sent to=a@example.org");
    process.says("email sent to=b@example.org");
    stop(process);
    assert_eq!([left("waiting"), left("taken"), left("dead")], [0, 0, 0]);
}
