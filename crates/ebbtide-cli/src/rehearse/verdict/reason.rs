//! Why requests were lost, as far as a client can tell.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::At;
use crate::rehearse::record::{Close, Outcome, Record, Request, Shape};
use crate::words;

/// What a loss looks like from outside, which names its usual cause.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Reason {
    NewConnectionReset,
    NewConnectionClosed,
    ClosedBeforeSend,
    KeptConnection,
    InProgress,
    CutInHead,
    CutInBody,
    TimedOut,
    BadStatus(u16),
}

/// A request whose connection was closed this long after it began was being worked on.
const WORKED_ON: Duration = Duration::from_millis(250);

impl Reason {
    /// `None`: it was not lost.
    fn of(request: &Request) -> Option<Self> {
        let age = request.ended.since(request.connected.unwrap_or(request.begun));
        Some(match request.outcome {
            Outcome::Answered { status } if status >= 500 => Self::BadStatus(status),
            Outcome::Answered { .. } | Outcome::Refused | Outcome::ConnectTimeout => return None,
            Outcome::ClosedBeforeSend { .. } => Self::ClosedBeforeSend,
            // A connection with unread bytes is closed by a reset: one that ended in order had its request read.
            Outcome::Unanswered { close: Close::Eof } if age >= WORKED_ON => Self::InProgress,
            Outcome::Unanswered { .. } if !request.fresh => Self::KeptConnection,
            Outcome::Unanswered { close: Close::Reset } => Self::NewConnectionReset,
            Outcome::Unanswered { close: Close::Eof } => Self::NewConnectionClosed,
            Outcome::CutInHead { .. } => Self::CutInHead,
            Outcome::CutInBody { .. } => Self::CutInBody,
            Outcome::TimedOut => Self::TimedOut,
        })
    }

    fn text(self) -> String {
        match self {
            Self::NewConnectionReset => {
                "connection accepted by the kernel, request written, reset with no response byte: the listener was \
                 closed with connections still in its accept queue, or they were closed unread"
            }
            Self::NewConnectionClosed => {
                "connection accepted, request written, closed with no response byte: the server closed new \
                 connections before their first request arrived, or dropped it"
            }
            Self::ClosedBeforeSend => {
                "connection accepted by the kernel and closed before its first byte could be written: the listener \
                 was closed with connections still in its accept queue, or they were closed unread"
            }
            Self::KeptConnection => "idle connection closed while a request was on the wire",
            Self::InProgress => "connection closed while the request was being worked on",
            Self::CutInHead => "answer cut within its head",
            Self::CutInBody => "answer cut within its body",
            Self::TimedOut => "accepted and not answered within the limit",
            Self::BadStatus(status) => return format!("answered with status {status}"),
        }
        .into()
    }
}

/// One sentence for each shape and reason of what was lost: how many, of how many that were accepted, when and why.
pub(super) fn losses(record: &Record) -> Vec<String> {
    let (requests, signalled) = (&record.traffic.requests, record.signalled);
    let mut accepted_by_shape = BTreeMap::<Shape, u64>::new();
    let mut groups = BTreeMap::<(Shape, Reason), Vec<&Request>>::new();
    for request in requests {
        let accepted = !matches!(request.outcome, Outcome::Refused | Outcome::ConnectTimeout);
        *accepted_by_shape.entry(request.shape).or_default() += u64::from(accepted);
        if let Some(reason) = Reason::of(request) {
            groups.entry((request.shape, reason)).or_default().push(request);
        }
    }
    groups
        .into_iter()
        .map(|((shape, reason), lost)| {
            let of = accepted_by_shape.get(&shape).copied().unwrap_or_default();
            let word = match reason {
                Reason::CutInHead | Reason::CutInBody => "truncated",
                Reason::TimedOut => "timed out",
                Reason::BadStatus(_) => "refused by status",
                _ => "lost",
            };
            let (count, of) = (words::count(lost.len() as u64), words::count(of));
            let phase = phases(&lost);
            let end = with_the_process(&lost, record);
            format!(
                "{shape}: {count} of {of} {word} ({}): {}{end}{phase}",
                when(&lost, signalled),
                reason.text()
            )
        })
        .collect()
}

fn when(lost: &[&Request], signalled: At) -> String {
    let ended = || lost.iter().map(|request| request.ended);
    let before = ended().filter(|at| *at < signalled).count() as u64;
    let after = || ended().filter(|at| *at >= signalled);
    let (Some(first), Some(last)) = (after().min(), after().max()) else {
        return "all before the signal".into();
    };
    let first = format!("+{}", words::time(first.since(signalled)));
    let last = format!("+{}", words::time(last.since(signalled)));
    let after = if first == last { first } else { format!("{first} to {last}") };
    match before {
        0 => after,
        before => format!("{} before the signal, then {after}", words::count(before)),
    }
}

/// Says so when the requests were lost by the end of the process itself.
fn with_the_process(lost: &[&Request], record: &Record) -> String {
    let Some((exit, _)) = record.exit else { return String::new() };
    // The kernel closes a process's sockets shortly before its end can be seen.
    let near = |request: &&&Request| request.ended + Duration::from_millis(5) >= exit;
    let count = lost.iter().filter(near).count();
    let after = words::time(exit.since(record.signalled));
    match count {
        0 => String::new(),
        count if count == lost.len() => format!("; all when the process ended (+{after})"),
        count => format!("; {} of them when the process ended (+{after})", words::count(count as u64)),
    }
}

fn phases(lost: &[&Request]) -> String {
    let mut names: Vec<&str> =
        lost.iter().filter_map(|request| request.phase).map(|phase| phase.name()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { String::new() } else { format!(" [{}]", names.join(", ")) }
}

/// Whether `request` counts against the service.
pub(super) fn is_loss(request: &Request) -> bool {
    Reason::of(request).is_some()
}
