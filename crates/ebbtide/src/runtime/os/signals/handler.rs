//! The signal handlers of this crate. Each is shared by all listeners of its signal, and removed with the last one.
//!
//! Invariants:
//! S1. While a listener has a signal, each delivery writes one record to its pipe, whatever handlers were installed before or
//!     after this crate's handler, unless a later handler does not call the handler that it replaced.
//! S2. The handler that was installed before this crate's handler runs after it.
//! S3. When the last listener of a signal is removed, the disposition before this crate's handler is restored. If a handler was
//!     installed over it, that one stays. This crate's handler then stays below it, and only calls the handler before it.
//! S4. No record is written to a pipe after its listener is removed.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::pipe;

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// One signal may have several handlers of this crate: those below a foreign handler, and one on top.
static LEVELS: [Handler; COUNT] = [handle::<0>, handle::<1>, handle::<2>, handle::<3>];

const COUNT: usize = 4;

/// Signals are numbered from 1 to 64.
const NUMBERS: usize = 65;

/// The handlers that the handler of a level calls after its write, by signal number.
static BEFORE: [[PreviousHandler; NUMBERS]; COUNT] =
    [const { [const { PreviousHandler::new() }; NUMBERS] }; COUNT];

/// The listeners, the last added first. They are reused and never freed, because a handler may read any of them.
static LISTENERS: AtomicPtr<Listener> = AtomicPtr::new(ptr::null_mut());

/// The number of handlers that read the listeners.
static LOOKING: AtomicUsize = AtomicUsize::new(0);

/// The deliveries in progress, by the address of their context. A delivery that reaches a second handler of this crate is
/// recognised by it.
static DELIVERIES: [AtomicUsize; 16] = [const { AtomicUsize::new(0) }; 16];

static INSTALLED: Mutex<BTreeMap<c_int, InstalledHandlers>> = Mutex::new(BTreeMap::new());

/// The pipe of a listener, and its signals.
#[derive(Debug)]
pub(super) struct Listener {
    /// -1 if there is no listener.
    pipe: AtomicI32,
    /// One bit for each signal.
    numbers: AtomicU64,
    next: *mut Listener,
}

/// A disposition from before this crate's handler, if it is a function.
struct PreviousHandler {
    function: AtomicUsize,
    takes_info: AtomicBool,
}

/// The installed handlers of one signal.
#[derive(Default)]
struct InstalledHandlers {
    listeners: usize,
    /// By level: what each handler of this crate replaced.
    replaced: [Option<libc::sigaction>; COUNT],
}

/// Adds a listener without signals.
pub(super) fn listen(pipe: c_int) -> &'static Listener {
    let installed = lock();
    let mut next = LISTENERS.load(Ordering::SeqCst);
    let first = next;
    while let Some(listener) = at(next) {
        if listener.pipe.compare_exchange(-1, pipe, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            return listener;
        }
        next = listener.next;
    }
    let numbers = AtomicU64::new(0);
    let listener: &'static mut Listener =
        Box::leak(Box::new(Listener { pipe: AtomicI32::new(pipe), numbers, next: first }));
    LISTENERS.store(listener, Ordering::SeqCst);
    drop(installed);
    listener
}

impl Listener {
    /// Adds a signal.
    pub(super) fn take(&self, number: c_int) -> io::Result<()> {
        let bit = bit(number)?;
        let mut installed = lock();
        if self.numbers.fetch_or(bit, Ordering::SeqCst) & bit == 0 {
            installed.entry(number).or_default().take(number).inspect_err(|_| {
                self.numbers.fetch_and(!bit, Ordering::SeqCst);
            })?;
        }
        Ok(())
    }

    /// Removes all signals, and returns whether no handler writes to the pipe any more.
    pub(super) fn restore(&self) -> bool {
        let mut installed = lock();
        let numbers = self.numbers.swap(0, Ordering::SeqCst);
        for number in (1..64).filter(|number| numbers >> number & 1 == 1) {
            if let Some(installed) = installed.get_mut(&number) {
                installed.restore(number);
            }
        }
        let is_quiet = wait_until_no_lookups();
        // Only now is the slot free for another listener: no handler still writes for the old one.
        if is_quiet {
            self.pipe.store(-1, Ordering::SeqCst);
        }
        is_quiet
    }
}

impl InstalledHandlers {
    fn take(&mut self, number: c_int) -> io::Result<()> {
        if self.listeners == 0 {
            let found = disposition(number, None)?;
            if level_of(&found).is_none() {
                let free = self.replaced.iter().position(Option::is_none);
                let level = free.ok_or_else(|| {
                    io::Error::other("other signal handlers repeatedly replaced the handlers of this process")
                })?;
                self.put_on_top(number, level, found)?;
            }
        }
        self.listeners += 1;
        Ok(())
    }

    fn put_on_top(&mut self, number: c_int, level: usize, found: libc::sigaction) -> io::Result<()> {
        // Before the handler is installed, because it may be called immediately.
        before(level, number).set(&found);
        let replaced = disposition(number, Some(&ours(level)))?;
        before(level, number).set(&replaced);
        self.replaced[level] = Some(replaced);
        Ok(())
    }

    fn restore(&mut self, number: c_int) {
        self.listeners = self.listeners.saturating_sub(1);
        if self.listeners > 0 {
            return;
        }
        // From the top down: below this handler there may be another one of this crate that no foreign handler covers any more.
        while let Ok(found) = disposition(number, None) {
            let Some(level) = level_of(&found) else { return };
            let Some(replaced) = self.replaced[level] else { return };
            let Ok(taken_off) = disposition(number, Some(&replaced)) else { return };
            if level_of(&taken_off) != Some(level) {
                // A handler was installed over this one in between: it stays, and so does this crate's handler below it.
                let _ = disposition(number, Some(&taken_off));
                return;
            }
            self.replaced[level] = None;
        }
    }
}

impl PreviousHandler {
    const fn new() -> Self {
        Self { function: AtomicUsize::new(0), takes_info: AtomicBool::new(false) }
    }

    fn set(&self, action: &libc::sigaction) {
        let function = match action.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => 0,
            function => function,
        };
        self.takes_info.store(action.sa_flags & libc::SA_SIGINFO != 0, Ordering::SeqCst);
        self.function.store(function, Ordering::SeqCst);
    }

    #[expect(unsafe_code, reason = "a handler that was installed is known only by its address")]
    fn call(&self, number: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
        let function = self.function.load(Ordering::SeqCst);
        if function == 0 {
            return;
        }
        if self.takes_info.load(Ordering::SeqCst) {
            // SAFETY: the address was returned by sigaction(2), with SA_SIGINFO: a function of this type.
            let function = unsafe { std::mem::transmute::<usize, Handler>(function) };
            function(number, info, context);
        } else {
            // SAFETY: the address was returned by sigaction(2), without SA_SIGINFO: a function of this type.
            let function = unsafe { std::mem::transmute::<usize, extern "C" fn(c_int)>(function) };
            function(number);
        }
    }
}

/// The function that the kernel calls. It only accesses atomics, and calls clock_gettime(2) and write(2), all
/// async-signal-safe.
#[expect(
    unsafe_code,
    reason = "errno belongs to the code that was interrupted, and write(2) takes a number that may be stale"
)]
extern "C" fn handle<const LEVEL: usize>(number: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the address of this thread's errno is always valid.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let saved = unsafe { *errno };
    // A higher handler of this crate calls a lower one with the same delivery: that delivery is already written.
    let delivery = context.addr();
    let known = DELIVERIES.iter().any(|handled| handled.load(Ordering::SeqCst) == delivery);
    let free = |place: &&AtomicUsize| {
        place.compare_exchange(0, delivery, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    };
    let place = if known { None } else { DELIVERIES.iter().find(free) };
    if !known {
        write_to_listeners(number);
    }
    before(LEVEL, number).call(number, info, context);
    if let Some(place) = place {
        place.store(0, Ordering::SeqCst);
    }
    // SAFETY: as above.
    unsafe { *errno = saved };
}

#[expect(unsafe_code, reason = "write(2) takes the number of a pipe that another thread owns")]
fn write_to_listeners(number: c_int) {
    let (Ok(bit), Ok(byte)) = (bit(number), u8::try_from(number)) else { return };
    let record = pipe::encode(byte);
    LOOKING.fetch_add(1, Ordering::SeqCst);
    let mut next = LISTENERS.load(Ordering::SeqCst);
    while let Some(listener) = at(next) {
        if listener.numbers.load(Ordering::SeqCst) & bit != 0 {
            let pipe = listener.pipe.load(Ordering::SeqCst);
            // SAFETY: the pipe is open, or this is -1: its listener is removed before it is closed, and the removal waits for
            // this handler. The record lives until the call returns.
            unsafe { libc::write(pipe, record.as_ptr().cast(), record.len()) };
        }
        next = listener.next;
    }
    LOOKING.fetch_sub(1, Ordering::SeqCst);
}

/// Waits, with a limit, for the handlers that may have read the old listener: in a child of fork(2) their threads do not exist.
#[expect(clippy::disallowed_methods, reason = "real time: handlers run whatever the runtime's clock does")]
fn wait_until_no_lookups() -> bool {
    let began = Instant::now();
    while LOOKING.load(Ordering::SeqCst) != 0 {
        if began.elapsed() > Duration::from_secs(1) {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

#[expect(unsafe_code, reason = "the list is read by signal handlers, which may not lock")]
fn at(listener: *mut Listener) -> Option<&'static Listener> {
    // SAFETY: null, or a listener that was leaked: it is never freed, and changed only through its atomics.
    unsafe { listener.as_ref() }
}

// SAFETY: `next` is written before the listener is shared, and points to another one that is never freed.
#[expect(unsafe_code, reason = "the pointer to the next listener is what keeps it from being Sync by itself")]
unsafe impl Sync for Listener {}

/// Returns the disposition of a signal, and replaces it if a new one is given.
#[expect(unsafe_code, reason = "dispositions are known to sigaction(2) only")]
pub(super) fn disposition(number: c_int, new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    // SAFETY: an all-zero `sigaction` is a valid value; the call reads the new one, if there is one, and writes the old one.
    unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        match libc::sigaction(number, new.map_or(ptr::null(), ptr::from_ref), &raw mut old) {
            0 => Ok(old),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[expect(unsafe_code, reason = "`sigaction` has no constructor")]
fn ours(level: usize) -> libc::sigaction {
    // SAFETY: an all-zero `sigaction` is a valid value, and an empty set of signals on every supported system.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = LEVELS[level] as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    action
}

fn level_of(action: &libc::sigaction) -> Option<usize> {
    LEVELS.iter().position(|level| *level as usize == action.sa_sigaction)
}

fn before(level: usize, number: c_int) -> &'static PreviousHandler {
    let number = usize::try_from(number).unwrap_or(0);
    &BEFORE[level][number.min(NUMBERS - 1)]
}

fn bit(number: c_int) -> io::Result<u64> {
    match number {
        1..=63 => Ok(1 << number),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn lock() -> MutexGuard<'static, BTreeMap<c_int, InstalledHandlers>> {
    INSTALLED.lock().unwrap_or_else(PoisonError::into_inner)
}
