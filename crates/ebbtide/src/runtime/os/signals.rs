//! From an asynchronous signal to a thread that waits for it, by a pipe.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

/// What came through the pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A signal.
    Signal {
        number: i32,
        /// When its handler ran, by the monotonic clock. This thread may read it late: only the handler's clock says how far two
        /// signals lie apart.
        at: Duration,
    },
    /// Somebody changed what the thread must know.
    Poked,
    /// The time passed.
    Timeout,
}

/// The reading end: one thread waits here.
#[derive(Debug)]
pub(crate) struct SignalPipe {
    read: OwnedFd,
    poker: Poker,
}

/// Wakes the reader.
#[derive(Clone, Debug)]
pub(crate) struct Poker {
    write: Arc<OwnedFd>,
}

/// What is written to the pipe: a signal's number, and the monotonic clock in nanoseconds. A write as short as this is atomic.
type Record = [u8; 9];

/// Not a signal.
const POKE: Record = [0; 9];

impl SignalPipe {
    /// Installs handlers. From here on none of these signals ends the process by itself.
    ///
    /// A signal other than SIGTERM that the parent had set to be ignored stays ignored: that is how `nohup` and a
    /// shell's `&` say that it is not meant for us.
    pub(crate) fn install(numbers: &[i32]) -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let poker = Poker { write: Arc::new(write) };
        poker.install(numbers)?;
        Ok(Self { read, poker })
    }

    /// Returns a handle that wakes the reader.
    pub(crate) fn poker(&self) -> Poker {
        self.poker.clone()
    }

    /// Waits for a signal, a poke, or for `timeout` to pass; without one, for ever.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Wake {
        if let Some(wake) = self.read() {
            return wake;
        }
        // A timeout beyond the range of Timespec is as good as none.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = [PollFd::new(&self.read, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => Wake::Timeout,
            // Interrupted by a signal: its record is in the pipe, or another thread's is on its way.
            Ok(_) | Err(_) => self.read().unwrap_or(Wake::Poked),
        }
    }

    fn read(&self) -> Option<Wake> {
        let mut record = POKE;
        match rustix::io::read(&self.read, &mut record) {
            Ok(length) if length == record.len() => Some(decode(record)),
            _ => None,
        }
    }
}

impl Poker {
    /// Installs handlers that write to this pipe.
    pub(crate) fn install(&self, numbers: &[i32]) -> io::Result<()> {
        // One that comes between the handler and what it is to do would be lost: it waits until both are there.
        mask(libc::SIG_BLOCK, numbers);
        let installed = numbers
            .iter()
            .filter(|number| **number == libc::SIGTERM || !is_ignored(**number))
            .try_for_each(|number| register(*number, Arc::clone(&self.write)));
        // One that the parent left blocked would never come.
        mask(libc::SIG_UNBLOCK, numbers);
        installed
    }

    /// Wakes the reader.
    pub(crate) fn poke(&self) {
        // A full pipe has woken the reader already.
        let _ = rustix::io::write(&*self.write, &POKE);
    }
}

fn decode([number, time @ ..]: Record) -> Wake {
    match number {
        0 => Wake::Poked,
        number => {
            Wake::Signal { number: i32::from(number), at: Duration::from_nanos(u64::from_ne_bytes(time)) }
        }
    }
}

/// Runs in a signal handler: async-signal-safe.
fn encode(number: u8) -> Record {
    // clock_gettime(2).
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    let mut record = POKE;
    record[0] = number;
    record[1..].copy_from_slice(&seconds.saturating_mul(1_000_000_000).saturating_add(nanos).to_ne_bytes());
    record
}

#[expect(unsafe_code, reason = "what runs in a signal handler must be promised to be async-signal-safe")]
fn register(number: i32, write: Arc<OwnedFd>) -> io::Result<()> {
    let number_byte = u8::try_from(number).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: the closure calls clock_gettime(2) and write(2), and reads and writes errno, all async-signal-safe; it neither
    // allocates nor locks. The file descriptor lives as long as the closure, which is never unregistered.
    unsafe {
        signal_hook::low_level::register(number, move || {
            let errno = libc::__errno_location();
            let saved = *errno;
            let record = encode(number_byte);
            libc::write(write.as_raw_fd(), record.as_ptr().cast(), record.len());
            *errno = saved;
        })
    }?;
    Ok(())
}

#[expect(unsafe_code, reason = "the disposition that we inherited can be asked only of sigaction(2)")]
fn is_ignored(number: i32) -> bool {
    // SAFETY: an all-zero `sigaction` is a valid value, and the call only writes to it.
    unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        libc::sigaction(number, std::ptr::null(), &raw mut old) == 0 && old.sa_sigaction == libc::SIG_IGN
    }
}

/// Blocks or unblocks signals for this thread.
#[expect(unsafe_code, reason = "the signal mask is set by libc calls only")]
fn mask(how: i32, numbers: &[i32]) {
    // SAFETY: the set is initialised by sigemptyset before it is read; the numbers are signals that were registered.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for number in numbers {
            libc::sigaddset(&raw mut set, *number);
        }
        libc::pthread_sigmask(how, &raw const set, std::ptr::null_mut());
    }
}
