//! The task of a connection: the only one that reads and writes its socket.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use tokio::sync::Notify;

use super::frame::Frame;
use super::state::ConnectionState;
use crate::record::Close;
use crate::wire::Socket;

/// A connection's state, as its requests and its driver share it.
pub(super) struct SharedState {
    state: Mutex<ConnectionState>,
    /// Notified when the state has changed.
    changed: Notify,
    /// Notified when something is to be written.
    wake: Notify,
}

impl SharedState {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(ConnectionState::new()),
            changed: Notify::new(),
            wake: Notify::new(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, ConnectionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the driver write what is queued.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits until `found` finds something in the state.
    pub(super) async fn until<T>(&self, mut found: impl FnMut(&mut ConnectionState) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Before the look: a change after it is not missed.
            changed.as_mut().enable();
            if let Some(found) = found(&mut self.state()) {
                return found;
            }
            changed.await;
        }
    }
}

/// Reads and writes until the connection has ended.
pub(super) async fn drive(socket: Socket, shared: Arc<SharedState>) {
    let mut read = BytesMut::new();
    let mut chunk = vec![0; 16 * 1024];
    let close = loop {
        let is_waiting = flush(&socket, &shared);
        shared.changed.notify_waiters();
        tokio::select! {
            ready = socket.readable() => if let Some(close) = ready.map_or(Some(Close::Reset), |()| receive(&socket, &shared, &mut chunk, &mut read)) {
                break close;
            },
            // An error shows when the socket is read.
            _ = socket.writable(), if is_waiting => {}
            () = shared.wake.notified() => {}
        }
    };
    shared.state().close = Some(close);
    shared.changed.notify_waiters();
}

/// Writes what the socket takes. Returns whether it is to be continued.
fn flush(socket: &Socket, shared: &SharedState) -> bool {
    let mut state = shared.state();
    loop {
        if state.out.is_empty() {
            return socket.try_flush().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        }
        let written = socket.try_write(&state.next_write());
        match written {
            Ok(count) => state.written(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
            Err(_) => {
                // What the peer sent before is still to be read.
                state.out.clear();
                return false;
            }
        }
    }
}

/// Reads once. Returns how the connection ended, if it did.
fn receive(socket: &Socket, shared: &SharedState, chunk: &mut [u8], read: &mut BytesMut) -> Option<Close> {
    match socket.try_read(chunk) {
        Ok(0) => return Some(Close::Eof),
        Ok(count) => read.extend_from_slice(chunk.get(..count).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
        Err(_) => return Some(Close::Reset),
    }
    let mut state = shared.state();
    state.first_byte = state.first_byte.or(read.first().copied());
    loop {
        let received = match Frame::take(read) {
            Ok(Some(frame)) => state.receive(&frame),
            Ok(None) => return None,
            Err(error) => Err(error),
        };
        if received.is_err() {
            state.malformed = true;
            return Some(Close::Eof);
        }
    }
}
