use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use super::handler::{self, Listener};
use super::record::{self, POKE};

/// What came through the pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A signal.
    Signal {
        number: i32,
        /// When its handler ran, by the monotonic clock. The reader may come late: only the handler's clock says how far two signals
        /// lie apart.
        at: Duration,
    },
    /// What the reader has to consider has changed.
    Poked,
    /// The time passed.
    Timeout,
}

/// A way from the signals of the process to a thread that waits for them. Clones are the same pipe.
///
/// The signals are given back when the last clone is dropped, or before.
#[derive(Clone, Debug)]
pub(crate) struct SignalPipe {
    ends: Arc<Ends>,
}

#[derive(Debug)]
struct Ends {
    listener: &'static Listener,
    given_back: AtomicBool,
    read: Arc<OwnedFd>,
    write: Arc<OwnedFd>,
}

impl SignalPipe {
    /// Makes one that takes no signals yet.
    pub(crate) fn new() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let listener = handler::listen(write.as_raw_fd());
        let (read, write) = (Arc::new(read), Arc::new(write));
        Ok(Self { ends: Arc::new(Ends { listener, given_back: AtomicBool::new(false), read, write }) })
    }

    /// Takes signals. From here on none of them ends the process by itself.
    ///
    /// A signal other than SIGTERM that the parent had set to be ignored stays ignored: that is how `nohup` and a
    /// shell's `&` say that it is not meant for this process.
    pub(crate) fn take(&self, numbers: &[i32]) -> io::Result<()> {
        let taken = numbers
            .iter()
            .filter(|number| **number == libc::SIGTERM || !is_ignored(**number))
            .try_for_each(|number| self.ends.listener.take(*number));
        // One that the parent left blocked would never come.
        unblock(numbers);
        taken
    }

    /// Gives all signals back. What has come until then can still be read; nothing comes after it.
    pub(crate) fn give_back(&self) {
        self.ends.give_back();
    }

    /// Wakes the reader.
    pub(crate) fn poke(&self) {
        // A full pipe has woken the reader already.
        let _ = rustix::io::write(&*self.ends.write, &POKE);
    }

    /// Waits for a signal, a poke, or for `timeout` to pass; without one, for ever.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Wake {
        if let Some(wake) = self.read() {
            return wake;
        }
        // A timeout beyond the range of Timespec is as good as none.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = [PollFd::new(&*self.ends.read, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => Wake::Timeout,
            // Interrupted by a signal: its record is in the pipe, or another thread's is on its way.
            Ok(_) | Err(_) => self.read().unwrap_or(Wake::Poked),
        }
    }

    /// Returns what is in the pipe, if anything is.
    pub(crate) fn read(&self) -> Option<Wake> {
        let mut record = POKE;
        match rustix::io::read(&*self.ends.read, &mut record) {
            Ok(length) if length == record.len() => Some(record::decode(record)),
            _ => None,
        }
    }
}

impl Ends {
    fn give_back(&self) {
        if self.given_back.swap(true, Ordering::SeqCst) {
            return;
        }
        if !self.listener.give_back() {
            // A handler may still write to it: it stays open for good.
            mem::forget((Arc::clone(&self.read), Arc::clone(&self.write)));
        }
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Returns whether a signal would end the process, or do whatever it does where no program handles it.
pub(crate) fn is_default(number: i32) -> bool {
    handler::disposition(number, None).is_ok_and(|found| found.sa_sigaction == libc::SIG_DFL)
}

fn is_ignored(number: i32) -> bool {
    handler::disposition(number, None).is_ok_and(|found| found.sa_sigaction == libc::SIG_IGN)
}

/// Raises a signal in this thread.
#[expect(unsafe_code, reason = "raise(3) is a libc call only")]
pub(crate) fn raise(number: i32) {
    // SAFETY: raise(3) takes any number, and fails for one that the kernel doesn't know.
    unsafe { libc::raise(number) };
}

/// Raises a signal with its default action. Returns only where that does not end the process.
#[expect(unsafe_code, reason = "`sigaction` has no constructor")]
pub(crate) fn raise_by_default(number: i32) {
    // SAFETY: an all-zero `sigaction` is a valid value.
    let mut default: libc::sigaction = unsafe { mem::zeroed() };
    default.sa_sigaction = libc::SIG_DFL;
    if handler::disposition(number, Some(&default)).is_ok() {
        unblock(&[number]);
        raise(number);
    }
}

/// Unblocks signals for this thread.
#[expect(unsafe_code, reason = "the signal mask is set by libc calls only")]
fn unblock(numbers: &[i32]) {
    // SAFETY: the set is initialised by sigemptyset before it is read; the numbers are signals that were taken.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for number in numbers {
            libc::sigaddset(&raw mut set, *number);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
    }
}
