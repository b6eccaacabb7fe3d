//! Makes a program the first process of a PID namespace of its own, as in a container: PID 1 there, and a process like any other here.
//!
//! `unshare` puts only children of its caller in the new namespace. The forked child therefore forks again: the second process executes the program as
//! PID 1, and the first one, the *holder*, waits for it. The holder reaps nothing: when it exits, PID 1 becomes a child of the rehearsal, the
//! subreaper, which reads how it ended. If the rehearsal dies, so does the holder, and with it PID 1 and its whole namespace.
#![expect(unsafe_code, reason = "`fork`, `unshare`, `mount` and `pre_exec` have no safe form")]

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::{mem, ptr};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getegid, geteuid, set_parent_process_death_signal,
    waitid, waitpid,
};

/// Where the holder reports the process id of PID 1, or the error of its namespace.
#[derive(Debug)]
pub(super) struct Announcement(File);

/// A spawned program.
pub(super) enum Spawned {
    /// It runs as PID 1 of its namespace. Here it has this id.
    Runs(Child, Pid),
    /// The namespace cannot be created.
    NoNamespace(io::Error),
    /// The program cannot be executed.
    NotExecuted(io::Error),
}

/// Lets `command` run as PID 1. What is registered with `pre_exec` from now on is done by that process.
pub(super) fn enter(command: &mut Command) -> io::Result<Announcement> {
    let (read, report) = pipe_with(PipeFlags::CLOEXEC)?;
    let (uids, gids) = (map(geteuid().as_raw()), map(getegid().as_raw()));
    let prepare = move || match unshared(&uids, &gids).and_then(|()| fork()) {
        Ok(None) => {
            mount_proc();
            Ok(())
        }
        Ok(Some(pid)) => hold(pid, report.as_fd()),
        Err(error) => {
            let _unread = write(&report, &(-error.raw_os_error()).to_ne_bytes());
            Err(error.into())
        }
    };
    // SAFETY: the closure makes only async-signal-safe system calls and allocates nothing.
    unsafe { command.pre_exec(prepare) };
    Ok(Announcement(File::from(read)))
}

impl Announcement {
    /// Spawns the `command` of this announcement.
    pub(super) fn spawn(mut self, mut command: Command) -> Spawned {
        let spawned = command.spawn();
        // The last writer on this side.
        drop(command);
        let mut report = [0; size_of::<i32>()];
        let read = self.0.read_exact(&mut report);
        let report = i32::from_ne_bytes(report);
        match (spawned, Pid::from_raw(report.max(0))) {
            (Ok(holder), Some(pid)) => Spawned::Runs(holder, pid),
            (Ok(mut holder), None) => {
                let _gone = holder.kill().and_then(|()| holder.wait());
                Spawned::NoNamespace(read.err().unwrap_or_else(|| io::ErrorKind::Other.into()))
            }
            (Err(error), Some(pid)) => {
                let _reaped = reap(pid);
                Spawned::NotExecuted(error)
            }
            (Err(error), None) if report < 0 => Spawned::NoNamespace(error),
            (Err(error), None) => Spawned::NotExecuted(error),
        }
    }
}

/// Waits for the end of PID 1, whose id here is `pid`, after its `holder` has exited or is about to.
pub(super) fn ended(holder: &mut Child, pid: Pid) -> io::Result<ExitStatus> {
    holder.wait()?;
    reap(pid)
}

fn reap(pid: Pid) -> io::Result<ExitStatus> {
    match waitpid(Some(pid), WaitOptions::empty())? {
        Some((_, status)) => Ok(ExitStatus::from_raw(status.as_raw())),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Maps an id to itself: the program has the user and the group of the rehearsal.
fn map(id: u32) -> Vec<u8> {
    format!("{id} {id} 1").into_bytes()
}

/// Gives the children of this process a PID namespace: with the privileges of this user, or else with those of a user namespace.
fn unshared(uids: &[u8], gids: &[u8]) -> rustix::io::Result<()> {
    let unshare = |flags| {
        // SAFETY: `unshare` takes no pointers; a forked child has one thread, and shares nothing with it.
        match unsafe { libc::unshare(flags) } {
            0 => Ok(()),
            _ => Err(last_error()),
        }
    };
    let flags = libc::CLONE_NEWPID | libc::CLONE_NEWNS;
    match unshare(flags) {
        Err(Errno::PERM) => unshare(flags | libc::CLONE_NEWUSER)?,
        done => return done,
    }
    // Without it an unprivileged process may not map its group. A user with the privilege need not.
    let _privileged = put(c"/proc/self/setgroups", b"deny");
    put(c"/proc/self/gid_map", gids)?;
    put(c"/proc/self/uid_map", uids)
}

fn put(file: &std::ffi::CStr, bytes: &[u8]) -> rustix::io::Result<()> {
    let file = open(file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    write(&file, bytes).map(|_whole| ())
}

/// Returns the id of the new process, or `None` in it.
fn fork() -> rustix::io::Result<Option<Pid>> {
    // SAFETY: this process has one thread, so that its copy is complete.
    match unsafe { libc::fork() } {
        -1 => Err(last_error()),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Gives the namespace its own /proc, where that is permitted: some sandboxes refuse it. Signals do not depend on it.
fn mount_proc() {
    let none = ptr::null();
    // SAFETY: every string is a literal with a terminating zero, and the pointers that may be null are.
    unsafe {
        // Otherwise the mount would also appear outside.
        if libc::mount(none, c"/".as_ptr(), none, libc::MS_REC | libc::MS_PRIVATE, ptr::null()) == 0 {
            let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
            libc::mount(c"proc".as_ptr(), c"/proc".as_ptr(), c"proc".as_ptr(), flags, ptr::null());
        }
    }
}

/// Reports PID 1, waits until it has ended, and exits without reaping it.
fn hold(pid: Pid, report: BorrowedFd<'_>) -> ! {
    // SAFETY: `set` is initialised by `sigfillset` before it is read; both calls are async-signal-safe.
    unsafe {
        // A Ctrl-C at the terminal is for the rehearsal, whose process group the holder is in.
        let mut set = mem::MaybeUninit::uninit();
        libc::sigfillset(set.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, set.as_ptr(), ptr::null_mut());
    }
    let _no_such_option = set_parent_process_death_signal(Some(Signal::KILL));
    let _gone = write(report, &pid.as_raw_nonzero().get().to_ne_bytes());
    // The pipe on which the parent learns of the execution is open as long as one process has it.
    // SAFETY: no descriptor is used from here on.
    if unsafe { libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) } != 0 {
        for descriptor in 0..MOST_DESCRIPTORS {
            // SAFETY: as above.
            unsafe { libc::close(descriptor) };
        }
    }
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(pid), options), Err(Errno::INTR)) {}
    // SAFETY: a forked child ends without running what its parent has registered for its own end.
    unsafe { libc::_exit(0) }
}

/// The descriptors that are closed by a kernel without `close_range` (before Linux 5.9).
const MOST_DESCRIPTORS: i32 = 4096;

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}
