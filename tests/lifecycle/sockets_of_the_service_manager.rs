//! Sockets that the service manager passes (`LISTEN_FDS`) outlive the process that serves them: nothing is lost between
//! one process and the next. This test is the service manager.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use command_fds::{CommandFdExt as _, FdMapping};
use ebbtide_tests::{Process, service, service_program};
use rustix::process::Signal;

const LONG: Duration = Duration::from_secs(30);
const REQUEST: &[u8] = b"GET /pid HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

fn start(sockets: &[(&str, &dyn AsFd)], args: &[&str]) -> Process {
    let process = start_unready(sockets, args);
    process.says("phase=ready");
    process
}

/// Starts the service with sockets of these names as descriptors 3 and up.
fn start_unready(sockets: &[(&str, &dyn AsFd)], args: &[&str]) -> Process {
    // Close-on-exec is cleared only in the child: a child of another test must not inherit the sockets.
    let passed = sockets.iter().zip(3..).map(|((_, socket), child_fd)| {
        let parent_fd = socket.as_fd().try_clone_to_owned().expect("a descriptor");
        FdMapping { parent_fd, child_fd }
    });
    let names: Vec<_> = sockets.iter().map(|(name, _)| *name).collect();
    let mut command = Command::new("sh");
    // `LISTEN_PID` is the shell's pid, which stays the same after `exec`.
    command
        .args(["-c", "LISTEN_PID=$$ exec \"$0\" \"$@\""])
        .arg(service_program())
        .arg("inherits")
        .args(args);
    command.fd_mappings(passed.collect()).expect("distinct descriptors");
    command.env("LISTEN_FDS", sockets.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
    Process::start(command.env("EBBTIDE_GRACE", "10s"))
}

fn stop(mut process: Process) {
    process.signal(Signal::TERM);
    process.ended(LONG).expect("the process exits").code(0);
}

/// Reads a response. Returns `None` if it is not complete.
fn answer(mut stream: impl std::io::Read) -> Option<String> {
    let answer = ebbtide_http1::Response::read(&mut stream).ok()?;
    (answer.is_ok() && !answer.body.is_empty()).then(|| answer.text().into_owned())
}

fn asked(addr: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(addr)?;
    stream.write_all(REQUEST)?;
    Ok(stream)
}

#[test]
fn connections_in_the_accept_queue_are_served_by_the_next_process() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = socket.local_addr().expect("its address");
    let first = start(&[("http", &socket)], &[]);
    first.says(&format!("listening on {addr}"));
    first.says("a child has sockets: false");
    let pid = answer(asked(addr).expect("a connection"));
    assert_eq!(pid, Some(first.pid().to_string()));
    stop(first);
    // No process serves now, and no connection is refused.
    let waiting: Vec<_> = (0..50).map(|_| asked(addr).expect("a connection")).collect();
    let second = start(&[("http", &socket)], &[]);
    for stream in waiting {
        assert_eq!(answer(stream), Some(second.pid().to_string()));
    }
    stop(second);
}

/// The opposite: a socket that no other process holds is closed with its process, and the queued connections are lost.
#[test]
fn a_socket_that_no_other_process_holds_closes_with_its_process() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = socket.local_addr().expect("its address");
    let mut only = start(&[("http", &socket)], &[]);
    drop(socket);
    assert!(answer(asked(addr).expect("a connection")).is_some());
    only.signal(Signal::STOP);
    let waiting = asked(addr).expect("the kernel completes the connection");
    only.signal(Signal::KILL);
    only.ended(LONG).expect("the process exits").by_signal(Signal::KILL);
    assert_eq!(answer(waiting), None);
    assert!(asked(addr).is_err());
}

/// Clients that open a connection for each request and never retry. A refused connection counts as lost: the socket is open
/// all the time.
struct Storm {
    answered: Arc<AtomicU64>,
    lost: Arc<AtomicU64>,
    enough: Arc<AtomicBool>,
    clients: Vec<thread::JoinHandle<()>>,
}

impl Storm {
    fn begin(ask: impl Fn() -> Option<String> + Clone + Send + 'static) -> Self {
        let (answered, lost) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let enough = Arc::<AtomicBool>::default();
        let client = || {
            let (ask, answered, lost, enough) = (ask.clone(), answered.clone(), lost.clone(), enough.clone());
            let asks = move || {
                while !enough.load(Ordering::SeqCst) {
                    let counter = if ask().is_some() { &answered } else { &lost };
                    counter.fetch_add(1, Ordering::SeqCst);
                }
            };
            thread::Builder::new().spawn(asks).expect("a thread")
        };
        let clients = (0..16).map(|_| client()).collect();
        Self { answered, lost, enough, clients }
    }

    /// Waits until this many more requests were answered.
    fn goes_on(&self, more: u64) {
        let goal = self.answered.load(Ordering::SeqCst) + more;
        while self.answered.load(Ordering::SeqCst) < goal {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Returns the numbers of answered and lost requests.
    fn end(self) -> (u64, u64) {
        self.enough.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().expect("no client panicked");
        }
        (self.answered.load(Ordering::SeqCst), self.lost.load(Ordering::SeqCst))
    }
}

#[test]
fn a_storm_across_ten_processes_loses_and_refuses_no_request_over_tcp_and_unix() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("near.sock");
    let (far, near) =
        (TcpListener::bind("[::]:0").expect("a port"), UnixListener::bind(&path).expect("a path"));
    let port = far.local_addr().expect("its address").port();
    let both: [(&str, &dyn AsFd); 2] = [("far", &far), ("near", &near)];
    let mut serves = start(&both, &[]);
    serves.says(&format!("listening on unix:{}", path.display()));
    let over_tcp = Storm::begin(move || answer(asked(([127, 0, 0, 1], port).into()).ok()?));
    let over_path = Storm::begin(move || {
        let mut stream = UnixStream::connect(&path).ok()?;
        stream.write_all(REQUEST).ok()?;
        answer(stream)
    });
    for _ in 0..10 {
        over_tcp.goes_on(50);
        over_path.goes_on(50);
        stop(serves);
        serves = start(&both, &[]);
    }
    over_tcp.goes_on(50);
    over_path.goes_on(50);
    for (name, storm) in [("TCP", over_tcp), ("a path", over_path)] {
        let (answered, lost) = storm.end();
        println!("over {name}: {answered} answered, {lost} lost or refused in 10 exchanges");
        assert_eq!(lost, 0);
    }
    stop(serves);
}

#[test]
fn sockets_are_taken_by_their_names() {
    let (api, admin) = (
        TcpListener::bind("127.0.0.1:0").expect("a port"),
        TcpListener::bind("127.0.0.1:0").expect("a port"),
    );
    let process = start(&[("api", &api), ("admin", &admin)], &["admin"]);
    process.says(&format!("listening on {}", admin.local_addr().expect("its address")));
    assert!(!process.output().contains(&api.local_addr().expect("its address").to_string()));
    stop(process);
}

#[test]
fn a_socket_that_cannot_be_served_is_refused_by_its_number_and_name() {
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let listens = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut process = start_unready(&[("api", &listens), ("dns", &datagrams)], &[]);
    let ended = process.ended(LONG).expect("the process exits");
    ended.code(1).said(
        "invalid descriptor 4 (dns) from the service manager: not a listening TCP or Unix stream socket",
    );
}

#[test]
fn sockets_meant_for_another_process_are_not_taken() {
    let mut command = service("inherits");
    command.env("LISTEN_PID", "1").env("LISTEN_FDS", "1").env("EBBTIDE_GRACE", "10s");
    let ended = Process::start(&mut command).ended(LONG).expect("the process exits");
    ended.code(1).said("no listener was given");
}
