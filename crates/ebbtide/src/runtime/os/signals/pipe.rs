use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use super::handler::{self, Listener};

/// What the reader of the pipe receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A signal.
    Signal {
        number: i32,
        /// The time of the handler's run, by the monotonic clock. The reader may be late, so that only the handler's clock
        /// gives the time between two signals.
        at: Duration,
    },
    /// The reader has to read its state again.
    Poked,
    /// The timeout has passed.
    Timeout,
}

/// Passes signals of the process to a thread that waits for them. Clones share one pipe.
///
/// The handlers are removed when the last clone is dropped, or earlier.
#[derive(Clone, Debug)]
pub(crate) struct SignalPipe {
    ends: Arc<PipeEnds>,
}

#[derive(Debug)]
struct PipeEnds {
    listener: &'static Listener,
    restored: AtomicBool,
    read: Arc<OwnedFd>,
    write: Arc<OwnedFd>,
}

impl SignalPipe {
    /// Creates a pipe that receives no signals yet.
    pub(crate) fn new() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let listener = handler::listen(write.as_raw_fd());
        let (read, write) = (Arc::new(read), Arc::new(write));
        Ok(Self { ends: Arc::new(PipeEnds { listener, restored: AtomicBool::new(false), read, write }) })
    }

    /// Installs handlers. From then on none of these signals ends the process by default.
    ///
    /// A signal other than SIGTERM that the parent has set to be ignored stays ignored: `nohup` and a shell's `&` exclude this
    /// process from the signal in this way.
    pub(crate) fn take(&self, numbers: &[i32]) -> io::Result<()> {
        let taken = numbers
            .iter()
            .filter(|number| **number == libc::SIGTERM || !is_ignored(**number))
            .try_for_each(|number| self.ends.listener.take(*number));
        // A signal that the parent left blocked would never arrive.
        unblock(numbers);
        taken
    }

    /// Removes all handlers. Signals that have arrived can still be read; none arrives afterwards.
    pub(crate) fn restore(&self) {
        self.ends.restore();
    }

    /// Wakes the reader.
    pub(crate) fn wake(&self) {
        // A full pipe has already woken the reader.
        let _ = rustix::io::write(&*self.ends.write, &WAKE_UP);
    }

    /// Waits for a signal, a wake-up, or for `timeout` to pass; without a timeout, indefinitely.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Wake {
        if let Some(wake) = self.read() {
            return wake;
        }
        // A timeout beyond the range of Timespec is treated as none.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = [PollFd::new(&*self.ends.read, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => Wake::Timeout,
            // Interrupted by a signal: its record is in the pipe, or another thread is about to write it.
            Ok(_) | Err(_) => self.read().unwrap_or(Wake::Poked),
        }
    }

    /// Returns what is in the pipe, if anything.
    pub(crate) fn read(&self) -> Option<Wake> {
        let mut record = WAKE_UP;
        match rustix::io::read(&*self.ends.read, &mut record) {
            Ok(length) if length == record.len() => Some(decode(record)),
            _ => None,
        }
    }
}

impl PipeEnds {
    fn restore(&self) {
        if self.restored.swap(true, Ordering::SeqCst) {
            return;
        }
        if !self.listener.restore() {
            // A handler may still write to it: it stays open permanently.
            mem::forget((Arc::clone(&self.read), Arc::clone(&self.write)));
        }
    }
}

impl Drop for PipeEnds {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Returns whether a signal has its default action.
pub(crate) fn is_default(number: i32) -> bool {
    handler::disposition(number, None).is_ok_and(|found| found.sa_sigaction == libc::SIG_DFL)
}

fn is_ignored(number: i32) -> bool {
    handler::disposition(number, None).is_ok_and(|found| found.sa_sigaction == libc::SIG_IGN)
}

/// Raises a signal in this thread.
#[expect(unsafe_code, reason = "raise(3) is a libc call only")]
pub(crate) fn raise(number: i32) {
    // SAFETY: raise(3) accepts any number, and fails for one that the kernel does not know.
    unsafe { libc::raise(number) };
}

/// Raises a signal with its default action. Returns only if that does not end the process.
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

/// Unblocks signals in this thread.
#[expect(unsafe_code, reason = "the signal mask is set by libc calls only")]
fn unblock(numbers: &[i32]) {
    // SAFETY: the set is initialised by sigemptyset before it is read; the numbers are signals that were installed.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for number in numbers {
            libc::sigaddset(&raw mut set, *number);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
    }
}

/// A record that a handler writes to a pipe: a signal's number, and the monotonic clock in nanoseconds. A write of this size is
/// atomic.
type SignalRecord = [u8; 9];

/// No signal.
const WAKE_UP: SignalRecord = [0; 9];

/// Runs in a signal handler, and is async-signal-safe.
pub(super) fn encode(number: u8) -> SignalRecord {
    // clock_gettime(2).
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    let mut record = WAKE_UP;
    record[0] = number;
    record[1..].copy_from_slice(&seconds.saturating_mul(1_000_000_000).saturating_add(nanos).to_ne_bytes());
    record
}

fn decode([number, time @ ..]: SignalRecord) -> Wake {
    match number {
        0 => Wake::Poked,
        number => {
            Wake::Signal { number: i32::from(number), at: Duration::from_nanos(u64::from_ne_bytes(time)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use signal_hook::low_level::raise;

    use super::*;

    // Each test has different signals, because the tests may run in one process.
    const LONE: i32 = libc::SIGUSR1;
    const SHARED: i32 = libc::SIGUSR2;
    const BELOW: i32 = libc::SIGALRM;
    const ABOVE: i32 = libc::SIGIO;
    const BETWEEN: i32 = libc::SIGVTALRM;

    /// Handles a signal.
    fn take(number: i32) -> SignalPipe {
        let pipe = SignalPipe::new().expect("a pipe");
        pipe.take(&[number]).expect("taken");
        pipe
    }

    /// Returns the signals that have arrived.
    fn came(pipe: &SignalPipe) -> Vec<i32> {
        let signals = std::iter::from_fn(|| pipe.read()).map(|wake| match wake {
            Wake::Signal { number, .. } => number,
            other => panic!("{other:?}"),
        });
        signals.collect()
    }

    /// A foreign handler, as `tokio::signal` installs it.
    fn foreign(number: i32) -> Arc<AtomicBool> {
        let flag = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(number, Arc::clone(&flag)).expect("registered");
        flag
    }

    fn is_raised(flag: &AtomicBool) -> bool {
        flag.swap(false, Ordering::SeqCst)
    }

    #[test]
    fn s3_the_default_is_restored_with_the_last_listener() {
        assert!(is_default(SHARED));
        let (one, other) = (take(SHARED), take(SHARED));
        raise(SHARED).expect("raised");
        assert_eq!((came(&one), came(&other)), (vec![SHARED], vec![SHARED]));
        one.restore();
        assert!(!is_default(SHARED));
        raise(SHARED).expect("raised");
        assert_eq!((came(&one), came(&other)), (vec![], vec![SHARED]));
        drop(other);
        assert!(is_default(SHARED));
    }

    #[test]
    fn s2_and_s3_an_earlier_handler_runs_with_the_librarys_and_after_its_removal() {
        let flag = foreign(BELOW);
        for _ in 0..10 {
            let pipe = take(BELOW);
            raise(BELOW).expect("raised");
            assert_eq!((came(&pipe), is_raised(&flag)), (vec![BELOW], true));
            pipe.restore();
            raise(BELOW).expect("raised");
            assert_eq!((came(&pipe), is_raised(&flag)), (vec![], true));
        }
    }

    #[test]
    fn s1_and_s3_a_later_handler_runs_with_the_librarys_and_after_its_removal() {
        let mut first = Some(take(ABOVE));
        let flag = foreign(ABOVE);
        for _ in 0..10 {
            let pipe = first.take().unwrap_or_else(|| take(ABOVE));
            raise(ABOVE).expect("raised");
            assert_eq!((came(&pipe), is_raised(&flag)), (vec![ABOVE], true), "each receives it once");
            pipe.restore();
            raise(ABOVE).expect("raised");
            assert_eq!((came(&pipe), is_raised(&flag)), (vec![], true));
        }
    }

    /// Several lifecycles, and a handler that is installed after the first of them and before the second.
    #[test]
    fn s1_a_handler_installed_between_two_listeners_gets_the_signal() {
        let one = take(BETWEEN);
        let flag = foreign(BETWEEN);
        let other = take(BETWEEN);
        raise(BETWEEN).expect("raised");
        assert_eq!((came(&one), came(&other), is_raised(&flag)), (vec![BETWEEN], vec![BETWEEN], true));
        drop((one, other));
        raise(BETWEEN).expect("raised");
        assert!(is_raised(&flag));
    }

    #[test]
    fn the_times_of_two_signals_are_in_order() {
        let pipe = take(LONE);
        let at = || {
            raise(LONE).expect("raised");
            pipe.read()
        };
        let (Some(Wake::Signal { at: first, .. }), Some(Wake::Signal { at: second, .. })) = (at(), at())
        else {
            panic!("two signals");
        };
        assert!(first <= second && second - first < Duration::from_secs(60), "{first:?} {second:?}");
    }

    #[test]
    fn dropping_a_signal_pipe_closes_its_descriptors() {
        let open = || fs::read_dir("/proc/self/fd").expect("read").count();
        // Other tests open and close pipes at the same time: two descriptors each.
        let before = open();
        for _ in 0..200 {
            drop(take(libc::SIGPROF));
        }
        assert!(open() < before + 100);
    }
}
