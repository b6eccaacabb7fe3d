//! What happens between `fork` and `exec`. With `pid_one`, `signal`, the only unsafe code of the command.
#![expect(unsafe_code, reason = "`pre_exec` and `signal` have no safe form")]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setpgid, setrlimit};

/// The last signal in real time.
const LAST_SIGNAL: i32 = 64;

/// Returns the command of a program with `env` added to the environment of this process, no input, and its output in the new file `log`. It
/// runs in `folder`, or else in that of this process.
pub(super) fn logged(
    program: &OsStr,
    args: &[OsString],
    env: &[(OsString, OsString)],
    folder: Option<&Path>,
    log: &Path,
) -> io::Result<Command> {
    let output = File::create(log)?;
    let again = output.try_clone()?;
    let mut command = Command::new(program);
    command.args(args).envs(env.iter().map(|(name, value)| (name, value)));
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    command.stdin(Stdio::null()).stdout(output).stderr(again);
    Ok(command)
}

/// Makes `command` start in a clean state: a new process group, every signal at its default disposition and
/// none blocked, the limit on open files from `files`, and SIGKILL if this process dies first.
pub(super) fn standardise(command: &mut Command, files: Rlimit) {
    let prepare = move || -> io::Result<()> {
        // A shell's `nohup` or `&` leaves signals ignored, and an ignored signal stays ignored across `exec`: the
        // service would be judged by what the shell did.
        for signal in 1..=LAST_SIGNAL {
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
        setpgid(None, None)?;
        setrlimit(Resource::Nofile, files)?;
        set_parent_process_death_signal(Some(Signal::KILL))?;
        Ok(())
    };
    // SAFETY: the closure makes only async-signal-safe system calls and allocates nothing.
    unsafe { command.pre_exec(prepare) };
}
