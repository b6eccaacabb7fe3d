use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use crate::model::{Plan, part};
use crate::runtime::os::notify::NotifySocket;

/// Notifies a service manager such as systemd of the state of the lifecycle, as in `sd_notify(3)`.
///
/// # Invariants
///
/// 1. It never blocks: while the manager's queue is full, states and the newest status are kept and sent later.
/// 2. `READY=1` and `STOPPING=1` are sent once each, in this order, and are not lost while the manager runs.
/// 3. Watchdog pings are sent by [`tick`](Self::tick): while its caller is blocked none are sent, so that the manager's watchdog
///    detects it.
#[derive(Debug, Default)]
pub(crate) struct Manager {
    socket: Option<NotifySocket>,
    /// What could not be sent yet: the states, then the newest status.
    states: String,
    status: String,
    ping: Option<WatchdogPing>,
    retry: Option<Duration>,
}

#[derive(Debug)]
struct WatchdogPing {
    every: Duration,
    next: Duration,
}

/// The delay before a full queue is retried.
const RETRY: Duration = Duration::from_millis(50);

/// systemd reads at most a page of a message.
const LONGEST_STATUS: usize = 1024;

impl Manager {
    /// Creates a manager from `NOTIFY_SOCKET`, and from `WATCHDOG_USEC` if `WATCHDOG_PID` is this process or missing.
    pub(crate) fn of(var: impl Fn(&str) -> Option<OsString>, pid: u32) -> Self {
        let Some(address) = var("NOTIFY_SOCKET").filter(|address| !address.is_empty()) else {
            return Self::default();
        };
        let socket = NotifySocket::to(&address)
            .inspect_err(|error| crate::runtime::log_warn!(?address, %error, "invalid NOTIFY_SOCKET; service manager is not notified"));
        let text = |name: &str| var(name).and_then(|value| value.into_string().ok());
        let is_ours = text("WATCHDOG_PID").is_none_or(|meant| meant.parse() == Ok(pid));
        let limit = text("WATCHDOG_USEC").and_then(|limit| limit.parse().ok());
        let limit = limit.filter(|limit| *limit > 0 && is_ours).map(Duration::from_micros);
        let ping = limit.map(|limit| WatchdogPing { every: part(limit, 1, 2), next: Duration::ZERO });
        Self { socket: socket.ok(), ping, ..Self::default() }
    }

    /// Notifies that the service is ready.
    pub(crate) fn ready(&mut self, now: Duration) {
        self.states.push_str("READY=1\n");
        self.say("ready", now);
    }

    /// Notifies that a shutdown has begun, and extends the timeout to the plan's grace period, because the plan does not include
    /// the unit's `TimeoutStopSec`.
    pub(crate) fn stopping(&mut self, plan: &Plan, status: &str, now: Duration) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.states, "STOPPING=1\nEXTEND_TIMEOUT_USEC={}", plan.grace.as_micros());
        self.say(status, now);
    }

    /// Sends a status, which replaces one that could not be sent yet.
    pub(crate) fn say(&mut self, status: &str, now: Duration) {
        self.status.clear();
        self.status.push_str("STATUS=");
        for letter in status.chars() {
            if self.status.len() + letter.len_utf8() > LONGEST_STATUS {
                break;
            }
            // A line break would begin another assignment.
            self.status.push(if letter.is_control() { ' ' } else { letter });
        }
        self.send(now);
    }

    /// Returns when [`tick`](Self::tick) has something to do.
    pub(crate) fn due(&self) -> Option<Duration> {
        let ping = self.ping.as_ref().filter(|_| self.socket.is_some()).map(|ping| ping.next);
        [ping, self.retry].into_iter().flatten().min()
    }

    /// Does what is due: sends pings, and what a full queue delayed.
    pub(crate) fn tick(&mut self, now: Duration) {
        if self.retry.is_some_and(|at| at <= now) {
            self.send(now);
        }
        if let Some(socket) = &self.socket
            && let Some(ping) = self.ping.as_mut().filter(|ping| ping.next <= now)
        {
            ping.next = now.saturating_add(ping.every);
            // A dropped ping is harmless: pings are sent at half of the limit.
            let _ = socket.send("WATCHDOG=1");
        }
    }

    fn send(&mut self, now: Duration) {
        let Some(socket) = &self.socket else { return };
        match socket.send(&format!("{}{}", self.states, self.status)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.retry = Some(now.saturating_add(RETRY))
            }
            sent => {
                if let Err(error) = sent {
                    tracing::debug!(%error, "cannot notify the service manager");
                }
                self.states.clear();
                self.retry = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::model::{Budget, Platform};

    const NOW: Duration = Duration::ZERO;

    struct Listening {
        _folder: tempfile::TempDir,
        reader: UnixDatagram,
        manager: Manager,
    }

    fn listening(vars: &[(&str, &str)]) -> Listening {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let reader = UnixDatagram::bind(&path).unwrap();
        reader.set_nonblocking(true).unwrap();
        let find = |name: &str| match name {
            "NOTIFY_SOCKET" => Some(path.clone().into_os_string()),
            _ => vars.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v)),
        };
        Listening { manager: Manager::of(find, 42), _folder: folder, reader }
    }

    impl Listening {
        fn heard(&self) -> Vec<String> {
            let mut buffer = [0; 8192];
            let mut next = || {
                self.reader.recv(&mut buffer).ok().map(|n| String::from_utf8_lossy(&buffer[..n]).into_owned())
            };
            std::iter::from_fn(&mut next).collect()
        }
    }

    #[test]
    fn systemd_states_and_status_are_sent_in_one_message() {
        let mut told = listening(&[]);
        told.manager.ready(NOW);
        let plan = Budget::of(Platform::Systemd).plan().unwrap();
        told.manager.stopping(&plan, "lame_duck (SIGTERM)", NOW);
        told.manager.say("draining\nREADY=1\tdone", NOW);
        let expected = [
            "READY=1\nSTATUS=ready",
            "STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000\nSTATUS=lame_duck (SIGTERM)",
            "STATUS=draining READY=1 done",
        ];
        assert_eq!(told.heard(), expected);
        assert_eq!(told.manager.due(), None);
    }

    #[test]
    fn a_long_status_is_truncated_at_a_character_boundary() {
        let mut told = listening(&[]);
        told.manager.say(&"ä".repeat(3000), NOW);
        let heard = told.heard().concat();
        assert!(heard.len() <= LONGEST_STATUS && heard.len() > LONGEST_STATUS - 3 && heard.ends_with('ä'));
    }

    /// Invariants 1 and 2.
    #[test]
    fn a_full_manager_queue_delays_states_and_keeps_only_the_newest_status() {
        let mut told = listening(&[]);
        while told.manager.due().is_none() {
            told.manager.say("filling", NOW);
        }
        told.manager.ready(NOW);
        told.manager.say("newer", NOW);
        told.manager.say("newest", NOW);
        assert_eq!(told.manager.due(), Some(RETRY));
        assert!(told.heard().iter().all(|message| message == "STATUS=filling"));
        told.manager.tick(RETRY / 2);
        assert_eq!(told.heard(), [""; 0], "not before its time");
        told.manager.tick(RETRY);
        assert_eq!(told.heard(), ["READY=1\nSTATUS=newest"]);
        assert_eq!(told.manager.due(), None);
    }

    #[test]
    fn watchdog_pings_are_sent_at_half_of_the_limit_for_this_process_only() {
        let mut told = listening(&[("WATCHDOG_USEC", "2000000"), ("WATCHDOG_PID", "42")]);
        let second = Duration::from_secs(1);
        for (at, pings) in [(NOW, 1), (second / 2, 0), (second, 1), (second, 0), (2 * second, 1)] {
            told.manager.tick(at);
            assert_eq!(told.heard().len(), pings, "{at:?}");
        }
        assert_eq!(told.manager.due(), Some(3 * second));
        for vars in [
            &[("WATCHDOG_USEC", "2000000"), ("WATCHDOG_PID", "41")][..],
            &[("WATCHDOG_USEC", "0")],
            &[("WATCHDOG_USEC", "soon")],
            &[],
        ] {
            let mut told = listening(vars);
            told.manager.tick(second);
            assert_eq!((told.heard().len(), told.manager.due()), (0, None), "{vars:?}");
        }
    }

    #[test]
    fn without_a_socket_nothing_is_sent_and_nothing_is_due() {
        for address in ["", "relative", "vsock:2:1"] {
            let find = |name: &str| {
                (name == "NOTIFY_SOCKET" || name == "WATCHDOG_USEC").then(|| OsString::from(address))
            };
            let mut manager = Manager::of(find, 42);
            manager.ready(NOW);
            manager.tick(NOW);
            assert_eq!(manager.due(), None, "{address}");
        }
    }
}
