use std::time::Duration;

/// What stops, or what still leads to it: a container, a route, a target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineRow {
    /// Its name.
    pub name: String,
    /// When it receives the stop signal.
    pub signal: Option<Duration>,
    /// When it is killed, if that is known and happens at all.
    pub kill: Option<Duration>,
    /// Whether the platform waits for it without a limit.
    pub is_unlimited: bool,
    /// What happens, in the order of the begins.
    pub spans: Vec<TimelineSpan>,
    /// The arithmetic of its budget, if its drain time is known.
    pub arithmetic: Option<String>,
}

/// A part of a shutdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineSpan {
    /// What it is.
    pub kind: SpanKind,
    /// A few words.
    pub label: String,
    /// Its begin, from that of the stop on.
    pub start: Duration,
    /// Its end.
    pub end: Duration,
}

/// What a part of a shutdown is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// The hook before the signal.
    PreStop,
    /// The program still accepts new requests, after the signal or, on Nomad, before it.
    LameDuck,
    /// The program finishes what is in flight.
    Drain,
    /// The time for the exit itself.
    Margin,
    /// The time up to SIGKILL of a program whose drain time no file declares.
    Unknown,
    /// A route may still send new requests.
    Traffic,
    /// A load balancer waits for the requests in flight.
    Deregistration,
}

impl SpanKind {
    /// Every kind, in the order of a legend.
    pub const ALL: [Self; 7] = [
        Self::PreStop,
        Self::LameDuck,
        Self::Drain,
        Self::Margin,
        Self::Unknown,
        Self::Traffic,
        Self::Deregistration,
    ];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreStop => "preStop",
            Self::LameDuck => "lame duck",
            Self::Drain => "drain",
            Self::Margin => "margin",
            Self::Unknown => "drain time unknown",
            Self::Traffic => "new requests may arrive",
            Self::Deregistration => "deregistration delay",
        }
    }
}

impl TimelineRow {
    /// Returns the end of its last part, or SIGKILL if that is later.
    pub fn end(&self) -> Duration {
        let ends = self.spans.iter().map(|span| span.end);
        ends.chain(self.kill).chain(self.signal).max().unwrap_or_default()
    }

    /// Returns how much earlier SIGKILL comes than what it needs.
    pub fn overrun(&self) -> Option<Duration> {
        let kill = self.kill?;
        let end = self.spans.iter().map(|span| span.end).max()?;
        Some(end.saturating_sub(kill)).filter(|overrun| !overrun.is_zero())
    }
}
