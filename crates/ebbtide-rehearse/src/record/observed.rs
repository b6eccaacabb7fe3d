//! What was observed of the service beside its requests, its end and its connections. It is reported, and fails no check.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::words;

/// What a run observed of the service from outside, and does not judge.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Observed {
    /// The stack traces in the output that began after the signal, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_traces: Option<StackTraces>,
    /// The beginning of the last line of the output, if it is truncated where a buffer ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated_line: Option<String>,
    /// What its processes used, if it was sampled before the signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// The files that it made and left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<LeftFile>,
    /// The accept queues in which connections waited when their listeners closed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept_queues: Vec<AcceptQueue>,
}

/// An accept queue whose listener closed while connections waited in it, as far as samples show that.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AcceptQueue {
    /// The address of the listener.
    pub address: String,
    /// The connections in it when it was sampled last.
    pub connections: u64,
    /// The milliseconds from that sample until the listener was found closed.
    pub before_close_ms: f64,
    /// The milliseconds from the signal until then.
    pub closed_after_ms: f64,
}

/// Stack traces of panics and exceptions in the output of a service.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StackTraces {
    /// How many there are.
    pub count: u64,
    /// The milliseconds from the signal until the first one was seen.
    pub after_ms: f64,
    /// Its first line.
    pub first_line: String,
    /// The line with its error, if that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_line: Option<String>,
}

/// What the processes of a service used together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Resources {
    /// The greatest of each before the signal.
    pub peak_before: Usage,
    /// In the last sample before the signal.
    pub at_signal: Usage,
    /// The greatest of each from the signal to the exit; `None`: the service had ended before the next sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_after: Option<Usage>,
    /// In the last sample before the exit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_exit: Option<Usage>,
}

/// What the processes of a service use at one time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// The sum of their resident memory (`VmRSS`). A page that several share counts for each.
    pub memory_bytes: u64,
    /// Their threads.
    pub threads: u64,
    /// Their open file descriptors.
    pub descriptors: u64,
    /// How many processes there are.
    pub processes: u64,
}

/// A file that the service made and that is there after its last process has ended.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct LeftFile {
    /// Its path.
    pub path: String,
    /// What it is.
    pub kind: LeftKind,
}

/// What a file is that a service left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LeftKind {
    /// A Unix socket.
    Socket,
    /// A file with the id of a process of the service, or with the name of such a file.
    PidFile,
    /// A file with the name of a lock.
    LockFile,
    /// A file in a folder for temporary files.
    TemporaryFile,
}

/// One line: at the signal, the greatest after it, and before the exit.
impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at the signal", self.at_signal)?;
        if let (Some(peak), Some(last)) = (self.peak_after, self.before_exit) {
            write!(f, "; at most {peak} after it; {last} before the exit")?;
        }
        Ok(())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {}, {}",
            words::mebibytes(self.memory_bytes),
            words::plural(self.threads, "thread", "threads"),
            words::plural(self.descriptors, "descriptor", "descriptors")
        )
    }
}

impl fmt::Display for LeftKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Socket => "socket",
            Self::PidFile => "pid file",
            Self::LockFile => "lock file",
            Self::TemporaryFile => "temporary file",
        })
    }
}
