//! Orders are accepted while the queue's broker is unavailable. The server is the one that `EBBTIDE_TEST_REDIS` names, behind
//! a proxy that can be closed.

use std::io::copy;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use ebbtide_demo::queue::QueueKind;
use rustix::process::Signal;
use tempfile::TempDir;

use super::client::{get, order, post};
use super::process::{Demo, folder};
use super::table;

/// A proxy to Redis that can be closed. Then it closes each connection when it accepts it.
#[derive(Clone)]
struct Proxy {
    address: SocketAddr,
    /// The connections; `None` while it is closed.
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Proxy {
    fn start(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let proxy = Self { address, open: Arc::new(Mutex::new(Some(Vec::new()))) };
        let serving = proxy.clone();
        thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || listener.incoming().flatten().for_each(|client| serving.join(client, &to)))
            .expect("a thread");
        proxy
    }

    fn join(&self, client: TcpStream, to: &str) {
        let mut open = self.open.lock().expect("not poisoned");
        let Some(kept) = open.as_mut() else { return };
        let server = TcpStream::connect(to).expect("the server");
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (mut from, mut to) = (from.try_clone().expect("a copy"), to.try_clone().expect("a copy"));
            kept.push(from.try_clone().expect("a copy"));
            thread::Builder::new()
                .name("way".to_owned())
                .spawn(move || {
                    let _ = copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                })
                .expect("a thread");
        }
    }

    fn close(&self) {
        for connection in self.open.lock().expect("not poisoned").take().expect("it is open") {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    fn open(&self) {
        *self.open.lock().expect("not poisoned") = Some(Vec::new());
    }
}

/// A demo with a separate queue in Redis, behind a proxy.
struct Scene {
    folder: TempDir,
    proxy: Proxy,
    url: String,
    name: String,
}

impl Scene {
    fn new() -> Self {
        let redis = std::env::var("EBBTIDE_TEST_REDIS").unwrap_or_else(|_| QueueKind::Redis.url());
        let rest = redis.strip_prefix("redis://").expect("a URL of Redis");
        let (to, path) = rest.split_once('/').unwrap_or((rest, ""));
        let proxy = Proxy::start(to.to_owned());
        let url = format!("redis://{}/{path}", proxy.address);
        let folder = folder();
        let name = folder.path().file_name().expect("a name").to_string_lossy().into_owned();
        Self { folder, proxy, url, name }
    }

    fn start(&self) -> Demo {
        let data = self.folder.path().to_str().expect("a plain path");
        let options = ["--data", data, "--queue", "redis", "--queue-name", &self.name];
        Demo::launch(&options, &[("REDIS_URL", &self.url)])
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let place = ebbtide_demo::queue::QueuePlace {
            name: self.name.clone(),
            ..table::place(QueueKind::Redis, self.url.clone())
        };
        if !thread::panicking() {
            table::runtime().block_on(place.remove()).expect("removed");
        }
    }
}

/// Creates an order while the queue is unavailable.
fn order_to_be_queued(demo: &Demo) -> String {
    let answer = post(demo.address, r#"{"item": "tea"}"#).expect("answered");
    assert_eq!((answer.status, answer.json()["state"].as_str()), (202, Some("stored")), "{}", answer.body);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

#[test]
fn while_the_broker_is_down_orders_are_accepted_and_processed_later() {
    let scene = Scene::new();
    let mut demo = scene.start();
    // The opposite: with the broker available, it is queued at once.
    order(demo.address);
    demo.wait_until_done(1);
    scene.proxy.close();
    let ids: Vec<String> = (0..20).map(|_| order_to_be_queued(&demo)).collect();
    for id in &ids {
        let state = get(demo.address, &format!("/orders/{id}")).expect("answered").json()["state"].clone();
        assert_eq!(state, "stored");
    }
    scene.proxy.open();
    demo.wait_for("queue available again");
    demo.wait_until_done(21);
    order(demo.address);
    demo.wait_until_done(22);
    let ended = demo.stopped();
    assert_eq!((ended.code, ended.undrained), (Some(0), vec![]), "{}", ended.said.join("\n"));
}

#[test]
fn orders_accepted_while_the_broker_is_down_survive_the_process() {
    let scene = Scene::new();
    let demo = scene.start();
    scene.proxy.close();
    let id = order_to_be_queued(&demo);
    demo.signal(Signal::KILL);
    assert_eq!(demo.ended().code, None);
    assert_eq!(table::orders(&scene.folder).get(&id).map(String::as_str), Some("stored"));
    scene.proxy.open();
    let demo = scene.start();
    demo.wait_until_done(1);
    assert_eq!(demo.stopped().code, Some(0));
}
