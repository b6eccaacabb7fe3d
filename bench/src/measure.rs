//! Measures two sides in one run: interleaved rounds, medians, cores, descriptors. Also prints and writes the figures, and
//! returns the documented exit codes.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

/// Returns the current instant.
#[expect(clippy::disallowed_methods, reason = "the clock of the comparisons; nothing here pauses it")]
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the median (the upper of the two middle values for an even number), or zero for an empty slice.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Runs `operation` `times` times on each of `threads` threads at once, each pinned to a separate core if there are enough.
///
/// Returns the nanoseconds per operation and thread, as the mean over the threads.
pub fn nanos_per_operation(threads: usize, times: u32, operation: &(dyn Fn(u32) + Sync)) -> f64 {
    let start = Barrier::new(threads);
    let on_thread = |index: usize| {
        pin_to(index);
        // A short warm-up: fills caches, branch predictors and thread-local slots.
        operation(times / 16);
        start.wait();
        let began = now();
        operation(times);
        began.elapsed()
    };
    let spent: Duration = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|index| scope.spawn(move || on_thread(index))).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).sum()
    });
    spent.as_secs_f64() * 1e9 / f64::from(times) / threads as f64
}

/// Pins the calling thread to the `index`-th core that it may use. Does nothing when the system refuses.
fn pin_to(index: usize) {
    let cores = cores();
    if let Some(core) = cores.get(index % cores.len().max(1)) {
        let _refused = pin_to_core(*core);
    }
}

/// Returns the CPU time of the calling thread.
pub fn thread_on_core() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.try_into().unwrap_or_default()
}

/// Returns the CPU time of all child processes that have been waited for.
///
/// # Errors
///
/// When the system does not report it.
pub fn children_on_core() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = |time: TimeVal| u64::try_from(time.num_microseconds()).unwrap_or_default();
    Ok(Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time())))
}

/// Returns the cores that the calling thread may use.
pub fn cores() -> Vec<usize> {
    let Ok(allowed) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect()
}

/// Pins the calling thread, and the threads and processes that it starts later, to one core.
///
/// # Errors
///
/// When the thread may not use the core.
pub fn pin_to_core(core: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    Ok(sched_setaffinity(None, &only)?)
}

/// Raises the limit of open descriptors to the maximum that needs no privileges. Returns the new limit.
///
/// # Errors
///
/// When the limit cannot be set.
pub fn raise_descriptors() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// The figures of one run.
pub trait Findings {
    /// Prints the figures as tables.
    ///
    /// # Errors
    ///
    /// When writing to `out` fails.
    fn print(&self, out: &mut dyn Write) -> io::Result<()>;

    /// Returns the figures as JSON.
    fn to_json(&self) -> Value;

    /// Returns whether every limit is met.
    fn are_met(&self) -> bool;
}

/// Prints the figures, writes them to `json`, and returns exit code 0; with `check` 1 when a limit is missed; 3 when the
/// measurement failed or its figures could not be written.
pub fn conclude(found: io::Result<impl Findings>, json: Option<&Path>, check: bool) -> ExitCode {
    match found.and_then(|findings| tell(&findings, json)) {
        Ok(false) if check => ExitCode::from(1),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            // When standard error is closed, only the exit code reports the failure.
            let _told = writeln!(io::stderr(), "error: cannot measure or write the figures: {error}");
            ExitCode::from(3)
        }
    }
}

fn tell(findings: &impl Findings, json: Option<&Path>) -> io::Result<bool> {
    findings.print(&mut io::stdout().lock())?;
    if let Some(file) = json {
        std::fs::write(file, format!("{:#}\n", findings.to_json()))?;
    }
    Ok(findings.are_met())
}
