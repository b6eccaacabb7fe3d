//! What happens between `fork` and `exec`. The only unsafe code of the command.
#![expect(unsafe_code, reason = "`pre_exec` and `signal` have no safe form")]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};

/// Makes `command` start in a clean state: a new process group, every signal at its default disposition and
/// none blocked, the limit on open files from `files`, and SIGKILL if this process dies first.
pub(super) fn standardise(command: &mut Command, files: Rlimit) {
    command.process_group(0);
    let prepare = move || -> io::Result<()> {
        // A shell's `nohup` or `&` leaves signals ignored, and an ignored signal stays ignored across `exec`: the
        // service would be judged by what the shell did.
        for signal in 1..=31 {
            if signal != libc::SIGKILL && signal != libc::SIGSTOP {
                // SAFETY: setting a disposition to its default has no preconditions and is async-signal-safe.
                unsafe { libc::signal(signal, libc::SIG_DFL) };
            }
        }
        // SAFETY: `set` is fully initialised by `sigemptyset` before it is read; both calls are async-signal-safe.
        unsafe {
            let mut set = std::mem::MaybeUninit::uninit();
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigprocmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut());
        }
        setrlimit(Resource::Nofile, files)?;
        set_parent_process_death_signal(Some(Signal::KILL))?;
        Ok(())
    };
    // SAFETY: the closure makes only async-signal-safe system calls and allocates nothing.
    unsafe { command.pre_exec(prepare) };
}
