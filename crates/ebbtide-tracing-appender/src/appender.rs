use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use ebbtide::adapter::clock;
use ebbtide::model::show_duration;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

/// Creates a writer for `tracing-subscriber` that writes on a separate thread, and the [`Appender`] that flushes it.
///
/// Like `tracing_appender::non_blocking`, it queues up to 128,000 lines and drops further ones.
///
/// # Examples
///
/// ```
/// let (writer, log) = ebbtide_tracing_appender::non_blocking(Vec::new());
/// tracing_subscriber::fmt().with_writer(writer).init();
/// tracing::info!("the last line");
/// log.flush(std::time::Duration::from_secs(1))?;
/// # Ok::<(), ebbtide_tracing_appender::NotWritten>(())
/// ```
pub fn non_blocking<W: Write + Send + 'static>(writer: W) -> (NonBlocking, Appender) {
    non_blocking_with(NonBlockingBuilder::default(), writer)
}

/// Creates a writer like [`non_blocking`], with the settings of `tracing-appender`'s builder.
///
/// # Examples
///
/// ```
/// use tracing_appender::non_blocking::NonBlockingBuilder;
///
/// let builder = NonBlockingBuilder::default().lossy(false).buffered_lines_limit(1000);
/// let (_writer, _log) = ebbtide_tracing_appender::non_blocking_with(builder, std::io::stdout());
/// ```
pub fn non_blocking_with<W: Write + Send + 'static>(
    builder: NonBlockingBuilder,
    writer: W,
) -> (NonBlocking, Appender) {
    let (passed, passes) = mpsc::channel();
    let (queue, guard) = builder.finish(Marked { inner: writer, failed: 0, error: String::new(), passed });
    (queue.clone(), Appender { queue, passes, _guard: guard })
}

/// Waits until a [`non_blocking`] writer has written its queued lines.
///
/// Dropping it waits up to a second, as the guard of `tracing-appender` does.
#[must_use = "dropping the appender waits at most a second for unwritten lines"]
#[derive(Debug)]
pub struct Appender {
    queue: NonBlocking,
    passes: mpsc::Receiver<Passed>,
    _guard: WorkerGuard,
}

/// The error of log lines that were not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotWritten {
    /// The time limit passed before all lines were written.
    #[error("log lines not written within {}", show_duration(*limit))]
    Timeout {
        /// The time limit.
        limit: Duration,
    },
    /// The writer failed.
    #[error("log lines lost: {count} failed writes; last error: {error}")]
    Failed {
        /// The number of failed writes.
        count: u64,
        /// The last error.
        error: String,
    },
}

impl Appender {
    /// Waits until every line that the writer got before is written, at most for `limit`. Returns how many lines were
    /// dropped because a lossy writer had no room for them. Blocks its thread.
    ///
    /// # Errors
    ///
    /// Returns an error if the limit passes first, or if lines could not be written, now or before.
    pub fn flush(&self, limit: Duration) -> Result<u64, NotWritten> {
        let dropped = dropped(&self.queue);
        let (number, mark) = mark();
        let give_up = Arc::new(AtomicBool::new(false));
        let (mut queue, stop) = (self.queue.clone(), Arc::clone(&give_up));
        // On a separate thread: a writer that is not lossy waits for room without a limit.
        let marking = thread::Builder::new().name("log mark".to_owned()).spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let before = queue.error_counter().dropped_lines();
                let queued = queue.write_all(&mark);
                if queued.is_err() || queue.error_counter().dropped_lines() == before {
                    return;
                }
                thread::sleep(TRY_AGAIN);
            }
        });
        let passed = marking.ok().and_then(|_| self.passed(number, limit));
        give_up.store(true, Ordering::SeqCst);
        match passed {
            None => Err(NotWritten::Timeout { limit }),
            Some(Passed { failed: 0, .. }) => Ok(dropped),
            Some(Passed { failed: count, error, .. }) => Err(NotWritten::Failed { count, error }),
        }
    }

    /// Waits for a mark. Earlier marks belong to calls that did not wait for theirs.
    fn passed(&self, number: u64, limit: Duration) -> Option<Passed> {
        let deadline = clock::after(now(), limit);
        loop {
            let passed = self.passes.recv_timeout(deadline.saturating_duration_since(now())).ok()?;
            if passed.number == number {
                return Some(passed);
            }
        }
    }
}

/// The interval of attempts to put the mark into a full queue.
const TRY_AGAIN: Duration = Duration::from_millis(2);

/// No log line begins with this.
const MARK: &[u8] = b"\0ebbtide mark ";

/// Returns a mark that goes through the queue after the last line, so that its arrival shows that all earlier lines
/// are written. `tracing-appender` has no other such signal, and its guard waits for a second only.
fn mark() -> (u64, Vec<u8>) {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::SeqCst);
    (number, [MARK, &number.to_le_bytes()].concat())
}

fn number(line: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(line.strip_prefix(MARK)?.try_into().ok()?))
}

#[expect(
    clippy::disallowed_methods,
    reason = "real time: the writer's thread knows no other, and the runtime may be blocked"
)]
fn now() -> Instant {
    Instant::now()
}

fn dropped(queue: &NonBlocking) -> u64 {
    u64::try_from(queue.error_counter().dropped_lines()).unwrap_or(u64::MAX)
}

/// Reports when the mark arrives, and counts the errors of the writer, which `tracing-appender` drops.
struct Marked<W> {
    inner: W,
    failed: u64,
    error: String,
    passed: mpsc::Sender<Passed>,
}

#[derive(Debug)]
struct Passed {
    number: u64,
    failed: u64,
    error: String,
}

impl<W: Write> Marked<W> {
    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.failed += 1;
            self.error = error.to_string();
        }
        result
    }
}

impl<W: Write> Write for Marked<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        let Some(number) = number(line) else {
            let result = self.inner.write_all(line);
            return self.noted(result);
        };
        // Its error is counted.
        let _ = self.flush();
        // The caller may not be waiting any more.
        let _ = self.passed.send(Passed { number, failed: self.failed, error: self.error.clone() });
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.noted(result)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::error_form;

    /// Writes each line slowly, and fails on request.
    #[derive(Clone, Default)]
    struct Slow {
        lines: Arc<Mutex<Vec<String>>>,
        pause: Duration,
        fails_from: Option<usize>,
    }

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            thread::sleep(self.pause);
            let mut lines = self.lines.lock().unwrap();
            if self.fails_from.is_some_and(|from| lines.len() >= from) {
                return Err(io::Error::other("the disk is full"));
            }
            lines.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const LONG: Duration = Duration::from_secs(30);

    fn fill(mut queue: NonBlocking, count: usize) {
        for n in 0..count {
            queue.write_all(format!("line {n}").as_bytes()).unwrap();
        }
    }

    #[test]
    fn the_flush_waits_longer_than_the_guard_for_a_slow_writer() {
        let slow = Slow { pause: Duration::from_millis(10), ..Slow::default() };
        let (queue, log) = non_blocking(slow.clone());
        fill(queue, 200);
        assert_eq!(log.flush(LONG), Ok(0));
        let lines = slow.lines.lock().unwrap().clone();
        assert_eq!(
            lines,
            (0..200).map(|n| format!("line {n}")).collect::<Vec<_>>(),
            "and the mark is no line"
        );
    }

    /// The opposite: `tracing-appender` alone.
    #[test]
    fn the_guard_of_tracing_appender_gives_up_after_a_second() {
        let slow = Slow { pause: Duration::from_millis(10), ..Slow::default() };
        let (queue, guard) = tracing_appender::non_blocking(slow.clone());
        fill(queue, 200);
        drop(guard);
        assert!(slow.lines.lock().unwrap().len() < 200);
    }

    #[test]
    fn lines_not_written_in_time_are_reported_and_can_be_flushed_later() {
        let slow = Slow { pause: Duration::from_millis(10), ..Slow::default() };
        let (queue, log) = non_blocking(slow.clone());
        fill(queue, 30);
        let limit = Duration::from_millis(20);
        assert_eq!(log.flush(limit), Err(NotWritten::Timeout { limit }));
        assert_eq!(log.flush(LONG), Ok(0));
        assert_eq!(slow.lines.lock().unwrap().len(), 30);
    }

    #[test]
    fn failed_writes_are_reported() {
        let (queue, log) = non_blocking(Slow { fails_from: Some(3), ..Slow::default() });
        fill(queue, 5);
        let error = log.flush(LONG).unwrap_err();
        assert_eq!(error, NotWritten::Failed { count: 2, error: "the disk is full".to_owned() });
    }

    #[test]
    fn the_flush_waits_for_a_full_queue_lossy_or_not() {
        for is_lossy in [true, false] {
            let builder = NonBlockingBuilder::default().buffered_lines_limit(1).lossy(is_lossy);
            let slow = Slow { pause: Duration::from_millis(5), ..Slow::default() };
            let (queue, log) = non_blocking_with(builder, slow.clone());
            fill(queue, 20);
            let dropped = log.flush(LONG).unwrap();
            let written = slow.lines.lock().unwrap().len();
            assert_eq!(written as u64 + dropped, 20);
            assert_eq!(dropped > 0, is_lossy);
        }
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            NotWritten::Timeout { .. } => NotWritten::Timeout { limit: Duration::from_secs(1) };
            NotWritten::Failed { .. } => NotWritten::Failed { count: 3, error: "disk full".to_owned() };
        }
    }
}
