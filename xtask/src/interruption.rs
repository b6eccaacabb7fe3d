//! Forwards a terminating signal to the programs in the foreground, so that xtask can clean up before it exits.
//!
//! Without a call of [`heed`] signals keep their default action.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::failure::Failure;
use crate::shell::Output;

static STATE: Mutex<SignalState> =
    Mutex::new(SignalState { heeding: false, interrupted: false, foreground: Vec::new() });

#[derive(Debug)]
struct SignalState {
    heeding: bool,
    interrupted: bool,
    /// The process group of each program in the foreground.
    foreground: Vec<Pid>,
}

/// From now on, forwards signals to the foreground and starts no further program. A second signal ends xtask at once.
///
/// # Errors
///
/// When the signal handlers cannot be installed.
pub(crate) fn heed() -> Result<(), Failure> {
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(Failure::io("install signal handlers"))?;
    signal_state().heeding = true;
    let thread = thread::Builder::new().name("signals".to_owned());
    let pass_on = move || signals.forever().for_each(pass_on);
    thread.spawn(pass_on).map(drop).map_err(Failure::io("start a thread"))
}

fn pass_on(signal: i32) {
    let mut state = signal_state();
    if let Some(signal) = Signal::from_named_raw(signal) {
        for group in &state.foreground {
            let _gone = kill_process_group(*group, signal);
        }
    }
    if state.interrupted {
        let _ended = emulate_default_handler(signal);
    }
    state.interrupted = true;
}

/// A program that xtask waits for.
#[derive(Debug)]
pub(crate) struct Foreground {
    child: Child,
    group: Option<Pid>,
}

impl Foreground {
    /// Starts it, unless a signal has arrived.
    ///
    /// # Errors
    ///
    /// [`Failure::Interrupted`] when a signal has arrived; the result of `cannot` when the program cannot be started.
    pub(crate) fn start(
        command: &mut Command,
        cannot: impl FnOnce(io::Error) -> Failure,
    ) -> Result<Self, Failure> {
        let mut state = signal_state();
        if state.interrupted {
            return Err(Failure::Interrupted);
        }
        if state.heeding {
            // A separate process group: each of its processes gets a forwarded signal exactly once.
            command.process_group(0);
        }
        let child = command.spawn().map_err(cannot)?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).filter(|_| state.heeding);
        state.foreground.extend(group);
        Ok(Self { child, group })
    }

    /// Returns the reading end of a piped stream, once.
    pub(crate) fn output(&mut self, which: Output) -> Option<Box<dyn Read>> {
        match which {
            Output::Stdout => self.child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read>),
            Output::Stderr => self.child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read>),
        }
    }

    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        signal_state().foreground.retain(|group| Some(*group) != self.group);
    }
}

fn signal_state() -> MutexGuard<'static, SignalState> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}
