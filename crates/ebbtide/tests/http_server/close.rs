//! How the listener is closed.

use std::time::Duration;

use ebbtide::http::{CloseMode, Listener, Server};

use crate::support::{Client, LONG, PING, accepted, cause, now, ping, serve, stop_source};

/// What the kernel accepted before the server ran is served, however late that is.
#[tokio::test]
async fn connections_in_the_queue_are_served_at_the_close() {
    for mode in [CloseMode::Lossless, CloseMode::SynFilter, CloseMode::HopLimit, CloseMode::Backlog] {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().tcp().unwrap();
        let mut clients = Vec::new();
        for _ in 0..300 {
            let mut client = Client::connect(addr).await.expect("the backlog has room");
            client.send(PING).await.unwrap();
            clients.push(client);
        }
        let stop = stop_source();
        stop.stop(cause(), None); // before it accepts the first
        let serving = Server::new(ping()).close_mode(mode).serve(listener, stop.token(), stop.token());
        let answers = async {
            for client in &mut clients {
                assert!(client.answer().await.expect("an answer").closes(), "{mode:?}");
            }
            drop(std::mem::take(&mut clients));
        };
        let (served, ()) = tokio::join!(serving, answers);
        served.unwrap();
    }
}

/// The opposite: closed at once, the queue is reset.
#[tokio::test]
async fn connections_in_the_queue_are_lost_by_an_abrupt_close() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let mut client = Client::connect(listener.local_addr().tcp().unwrap()).await.unwrap();
    client.send(PING).await.unwrap();
    let stop = stop_source();
    stop.stop(cause(), None);
    let server = Server::new(ping()).close_mode(CloseMode::Abrupt);
    server.serve(listener, stop.token(), stop.token()).await.unwrap();
    assert!(client.answer().await.is_none());
}

/// The hop limit is inherited by accepted sockets: one that kept it would never hear its client.
#[tokio::test]
async fn connections_accepted_under_the_hop_limit_hear_their_client() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().tcp().unwrap();
    let mut silent = Client::connect(addr).await.unwrap();
    let stop = stop_source();
    stop.stop(cause(), None);
    let server =
        Server::new(ping()).close_mode(CloseMode::HopLimit).first_byte_grace(Duration::from_secs(10));
    let serving = server.serve(listener, stop.token(), stop.token());
    let talk = async {
        while Client::connect(addr).await.is_ok() {} // until the listener is closed
        silent.send(PING).await.unwrap();
        assert!(silent.answer().await.expect("an answer").is_ok());
        drop(silent);
    };
    let (served, ()) = tokio::join!(serving, talk);
    served.unwrap();
}

#[tokio::test]
async fn new_connections_are_refused_once_the_server_has_ended() {
    let mut served = serve(ping(), |server| server).await;
    accepted(served.addr).await;
    served.stop();
    served.ended().await;
    let error = Client::connect(served.addr).await.err().expect("no connection");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

/// A socket that systemd or a sibling holds too must not be made deaf for its next owner.
#[tokio::test]
async fn a_shared_socket_goes_on_after_the_server() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let next = Listener::shared_from_std(socket.try_clone().unwrap()).unwrap();
    let first = stop_source();
    first.stop(cause(), None);
    let listener = Listener::shared_from_std(socket).unwrap();
    Server::new(ping()).serve(listener, first.token(), first.token()).await.unwrap();
    let mut client = Client::connect(addr).await.expect("a connection");
    client.send(PING).await.unwrap();
    let second = stop_source();
    let serving = Server::new(ping()).serve(next, second.token(), second.token());
    let talk = async {
        assert!(client.answer().await.expect("an answer").is_ok());
        drop(client);
        second.stop(cause(), None);
    };
    let (served, ()) = tokio::join!(serving, talk);
    served.unwrap();
}

#[tokio::test]
async fn binding_a_port_that_is_taken_fails() {
    let first = Listener::bind("127.0.0.1:0").await.unwrap();
    let error = Listener::bind(first.local_addr().tcp().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn an_unspecified_ipv6_address_takes_ipv4_as_well() {
    let listener = Listener::bind("[::]:0").await.unwrap();
    let port = listener.local_addr().port().unwrap();
    assert!(Client::connect(([127, 0, 0, 1], port).into()).await.is_ok());
}

/// Runs in a process of its own, which has few descriptors.
#[test]
fn running_out_of_descriptors_neither_ends_the_server_nor_makes_it_spin() {
    const CHILD: &str = "EBBTIDE_TEST_FEW_DESCRIPTORS";
    let name = "close::running_out_of_descriptors_neither_ends_the_server_nor_makes_it_spin";
    if std::env::var_os(CHILD).is_none() {
        let test = std::env::current_exe().unwrap();
        let mut child = std::process::Command::new(test);
        assert!(child.args(["--exact", name, "--nocapture"]).env(CHILD, "1").status().unwrap().success());
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut served = serve(ping(), |server| server.first_byte_grace(LONG)).await;
        accepted(served.addr).await;
        let limit = rustix::process::Rlimit { current: Some(40), maximum: Some(40) };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
        let mut clients = Vec::new();
        while let Ok(client) = Client::connect(served.addr).await {
            clients.push(client);
        }
        let spent = || rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let (began, before) = (now(), spent());
        tokio::time::sleep(Duration::from_millis(300)).await; // the time over which it is measured
        let (spent, passed) = (Duration::try_from(spent() - before).unwrap(), began.elapsed());
        assert!(spent < passed / 3, "it spins: {spent:?} of CPU in {passed:?}");
        // Those in the queue are served as soon as descriptors are free again, also when the stop comes first.
        served.stop();
        let queued = clients.split_off(clients.len() / 2);
        drop(clients);
        for mut client in queued {
            client.send(PING).await.unwrap();
            assert!(client.answer().await.expect("an answer").closes());
        }
        served.ended().await;
    });
}
