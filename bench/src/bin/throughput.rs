//! Compares `/ping` under this server and under `axum::serve`, alternating: requests a second, and the server thread's
//! CPU time for each request, which other load on the machine disturbs less.
//!
//! `cargo run --release -p ebbtide-bench --bin throughput [rounds] [connections] [fresh]`; with `fresh` each
//! request has a connection of its own, with `same` both sides are axum, which shows what the noise is.
#![expect(clippy::expect_used, reason = "a benchmark that cannot run has nothing to say")]

use std::net::SocketAddr;
use std::time::Duration;

use ebbtide::drain::StopSource;
use ebbtide::http::{Listener, Server};
use ebbtide_bench::measure::{median, now};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn router() -> axum::Router {
    axum::Router::new().route("/ping", axum::routing::get(async || "pong"))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark's thread")]
fn start(ours: bool) -> Peer {
    let (tell, told) = std::sync::mpsc::channel();
    let (tell_thread, told_thread) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        pin(0);
        tell_thread.send(rustix::thread::gettid()).expect("a receiver");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = Listener::bind("127.0.0.1:0").await.expect("a port");
            if ours {
                let stop = StopSource::new(now);
                tell.send(listener.local_addr()).expect("a receiver");
                Server::new(router()).serve(listener, stop.token(), stop.token()).await.expect("serves");
            } else {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
                tell.send(listener.local_addr().expect("an address")).expect("a receiver");
                use axum::serve::ListenerExt;
                let listener = listener.tap_io(|io| drop(io.set_nodelay(true)));
                axum::serve(listener, router()).await.expect("serves");
            }
        });
    });
    Peer {
        addr: told.recv().expect("an address"),
        thread: told_thread.recv().expect("a thread").as_raw_pid(),
    }
}

struct Peer {
    addr: SocketAddr,
    thread: i32,
}

struct Figures {
    per_second: f64,
    cpu_ns: f64,
}

impl Peer {
    async fn measure(&self, connections: usize, fresh: bool, time: Duration) -> Figures {
        let before = self.cpu();
        let done = load(self.addr, connections, fresh, time).await as f64;
        Figures { per_second: done / time.as_secs_f64(), cpu_ns: (self.cpu() - before) as f64 / done }
    }

    /// The nanoseconds that the server's thread has been on a CPU.
    fn cpu(&self) -> u64 {
        let stat =
            std::fs::read_to_string(format!("/proc/self/task/{}/schedstat", self.thread)).expect("a thread");
        stat.split(' ').next().and_then(|ns| ns.parse().ok()).expect("a number")
    }
}

fn pin(core: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(core);
    let _ = rustix::thread::sched_setaffinity(None, &set);
}

async fn load(addr: SocketAddr, connections: usize, fresh: bool, time: Duration) -> u64 {
    let until = now() + time;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..connections {
        clients.spawn(async move {
            let mut done = 0_u64;
            let mut buf = [0; 4096];
            let head: &[u8] = if fresh {
                b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            } else {
                b"GET /ping HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
            };
            let mut stream = TcpStream::connect(addr).await.expect("connects");
            while now() < until {
                stream.write_all(head).await.expect("writes");
                if fresh {
                    while stream.read(&mut buf).await.expect("reads") > 0 {}
                    stream = TcpStream::connect(addr).await.expect("connects");
                } else {
                    let read = stream.read(&mut buf).await.expect("reads");
                    assert!(buf[..read].ends_with(b"pong"));
                }
                done += 1;
            }
            done
        });
    }
    clients.join_all().await.into_iter().sum()
}

#[expect(clippy::print_stdout, reason = "the figures are its output")]
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |at: usize, default| args.get(at).and_then(|arg| arg.parse().ok()).unwrap_or(default);
    let (rounds, connections) = (number(1, 5), number(2, 32));
    let says = |word: &str| args.iter().any(|arg| arg == word);
    let fresh = says("fresh");
    let (ours, axum) = (start(!says("same")), start(false));
    pin(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let time = Duration::from_millis(300);
        let measure = |peer: &Peer| runtime.block_on(peer.measure(connections, fresh, time));
        // Who comes first changes, so that what the one leaves behind for the other evens out.
        let (ours, axum) = if round % 2 == 0 {
            let ours = measure(&ours);
            (ours, measure(&axum))
        } else {
            let axum = measure(&axum);
            (measure(&ours), axum)
        };
        if round > 0 {
            println!(
                "ours {:.0}/s {:.0} ns   axum {:.0}/s {:.0} ns",
                ours.per_second, ours.cpu_ns, axum.per_second, axum.cpu_ns
            );
            rates.push(ours.per_second / axum.per_second);
            costs.push(axum.cpu_ns / ours.cpu_ns);
        }
    }
    println!("median ratio: throughput {:.3}, by CPU time {:.3}", median(&rates), median(&costs));
}
