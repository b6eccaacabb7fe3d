use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use super::client::post;

/// Clients that order as fast as they can, until one is refused.
pub(crate) struct Load {
    clients: Vec<JoinHandle<Vec<String>>>,
    progress: Arc<(Mutex<usize>, Condvar)>,
}

static CLIENT: AtomicUsize = AtomicUsize::new(0);

impl Load {
    pub(crate) fn start(address: SocketAddr, clients: usize) -> Self {
        let progress = Arc::new((Mutex::new(0), Condvar::new()));
        let client = |_| {
            let progress = Arc::clone(&progress);
            let name = format!("client {}", CLIENT.fetch_add(1, Ordering::Relaxed));
            let run = move || order_until_refused(address, &progress);
            std::thread::Builder::new().name(name).spawn(run).expect("a thread")
        };
        let clients = (0..clients).map(client).collect();
        Self { clients, progress }
    }

    /// Waits until so many orders were answered.
    pub(crate) fn wait_for(&self, orders: usize) {
        let (count, changed) = &*self.progress;
        let count = count.lock().expect("no client panicked");
        drop(changed.wait_while(count, |count| *count < orders).expect("no client panicked"));
    }

    /// Waits for the last client and returns the ids of all orders that were answered with 201.
    pub(crate) fn answered(self) -> Vec<String> {
        self.clients.into_iter().flat_map(|client| client.join().expect("no client panicked")).collect()
    }
}

fn order_until_refused(address: SocketAddr, progress: &(Mutex<usize>, Condvar)) -> Vec<String> {
    let mut answered = Vec::new();
    while let Ok(answer) = post(address, r#"{"item": "tea"}"#) {
        assert_eq!(answer.status, 201, "{}", answer.body);
        answered.push(answer.json()["id"].as_str().expect("an id").to_owned());
        *progress.0.lock().expect("no client panicked") += 1;
        progress.1.notify_all();
    }
    answered
}
