use std::cell::Cell;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::every::{Every, OnError, RunTimes};
use crate::drain::{Stop, Work};
use crate::lifecycle::Handle;
use crate::lifecycle::counters::JobCounters;
use crate::model::{Kind, Stage};
use crate::util::{BoxError, Caught, chain, panics};

impl Handle {
    /// Registers a ticker, which runs periodically. A plain `Duration` is a fixed rate, with the first run one period from now;
    /// [`Every`] has other schedules.
    ///
    /// No run starts after the shutdown has begun. A run in progress may finish until the deadline of the servers; then it is
    /// dropped, and the report counts it as cancelled. An error or panic of a run begins the shutdown, unless
    /// [`on_error`](Every::on_error) is set otherwise. Runs never overlap.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn register(app: &ebbtide::Handle) {
    /// app.every("reaper", Duration::from_secs(60), || async { Ok(()) });
    /// # }
    /// ```
    #[track_caller]
    pub fn every<F, Fut>(&self, name: impl Into<String>, every: impl Into<Every>, run: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let (spec, counters) = (self.spec(name, Stage::Intake, Kind::Service), Arc::new(JobCounters::new()));
        let ticker = Ticker {
            name: spec.name.clone(),
            created: Location::caller(),
            every: every.into(),
            counters: Arc::clone(&counters),
        };
        self.spawn(spec, Some(counters as Arc<dyn Work>), move |context| ticker.run(run, context.stop));
    }
}

/// Runs one ticker until the shutdown begins.
struct Ticker {
    name: String,
    /// The place of its registration.
    created: &'static Location<'static>,
    every: Every,
    counters: Arc<JobCounters>,
}

impl Ticker {
    async fn run<F, Fut>(self, mut run: F, stop: Stop) -> Result<(), BoxError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<(), BoxError>>,
    {
        let mut times = RunTimes::new(&self.every);
        loop {
            let due = stop.unless_stopping(times.next()).await;
            // A run that is due at the time of the stop signal does not start.
            if due.is_none() || stop.is_stopping() {
                return Ok(());
            }
            let name = self.counters.names.register_from(self.name.clone(), self.created);
            let _held = (self.counters.running.guard(), name);
            let running = RunGuard::begin(&self.counters, &stop);
            match stop.unless_cancelled(self.once(&mut run)).await {
                Some(result) => running.done.set(result?),
                None => return Ok(()),
            }
        }
    }

    /// Runs it once, and returns whether it succeeded. A returned error begins the shutdown.
    async fn once<F, Fut>(&self, run: &mut F) -> Result<bool, BoxError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<(), BoxError>>,
    {
        if self.every.on_error == OnError::Stop {
            return run().await.map(|()| true);
        }
        let ticker = &self.name;
        match Caught::new(async { run().await }).await {
            Ok(Ok(())) => return Ok(true),
            Ok(Err(error)) => crate::runtime::log_error!(ticker, error = chain(&*error), "ticker run failed"),
            Err(panic) => {
                crate::runtime::log_error!(ticker, panic = panics::message(&*panic), "ticker run panicked")
            }
        }
        Ok(false)
    }
}

/// A run in progress. A run that ends after the cancellation counts as cancelled, however it ends: the task may be aborted
/// before it has seen the cancellation.
struct RunGuard<'a> {
    counters: &'a JobCounters,
    stop: &'a Stop,
    done: Cell<bool>,
}

impl<'a> RunGuard<'a> {
    fn begin(counters: &'a JobCounters, stop: &'a Stop) -> Self {
        counters.begun.fetch_add(1, Ordering::SeqCst);
        Self { counters, stop, done: Cell::new(false) }
    }
}

impl Drop for RunGuard<'_> {
    fn drop(&mut self) {
        let count = match (self.stop.is_cancelled(), self.done.get()) {
            (true, _) => &self.counters.cancelled,
            (false, true) => &self.counters.finished,
            (false, false) => &self.counters.failed,
        };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use tokio::sync::Notify;
    use tokio::task::JoinSet;
    use tokio::time::sleep;

    use super::*;
    use crate::drain::StopSource;
    use crate::model::Cause;
    use crate::util::clock;

    /// A ticker under paused time: when its runs began, in milliseconds.
    struct Trial {
        source: StopSource,
        began: Arc<Mutex<Vec<u64>>>,
        counters: Arc<JobCounters>,
        ticking: JoinSet<Result<(), BoxError>>,
    }

    impl Trial {
        /// Starts a ticker whose nth run does what `act` returns.
        fn start<Fut>(every: Every, mut act: impl FnMut(usize) -> Fut + Send + 'static) -> Self
        where
            Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
        {
            let (source, began) = (StopSource::with_clock(clock::now), Arc::new(Mutex::new(Vec::new())));
            let counters = Arc::new(JobCounters::new());
            let created = Location::caller();
            let ticker =
                Ticker { name: "ticker".to_owned(), created, every, counters: Arc::clone(&counters) };
            let (noted, start) = (Arc::clone(&began), clock::now());
            let run = move || {
                let mut noted = noted.lock().unwrap();
                noted.push(u64::try_from((clock::now() - start).as_millis()).unwrap());
                act(noted.len() - 1)
            };
            let mut ticking = JoinSet::new();
            ticking.spawn(ticker.run(run, source.token()));
            Self { source, began, counters, ticking }
        }

        fn stop(&self) {
            self.source.stop(Cause::Requested { reason: "test".to_owned() }, None);
        }

        async fn ended(&mut self) -> Result<(), BoxError> {
            self.ticking.join_next().await.unwrap().unwrap()
        }

        fn began(&self) -> Vec<u64> {
            self.began.lock().unwrap().clone()
        }
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[tokio::test(start_paused = true)]
    async fn a_fixed_rate_is_kept_and_missed_runs_are_skipped() {
        let takes = [10, 250, 100, 10, 10];
        let mut trial = Trial::start(Every::rate(ms(100)), move |n| async move {
            sleep(ms(takes[n.min(4)])).await;
            Ok(())
        });
        sleep(ms(790)).await;
        trial.stop();
        trial.ended().await.unwrap();
        // The second run took from 200 to 450: the runs at 300 and 400 are skipped. The third ended when the next was due.
        assert_eq!(trial.began(), [100, 200, 500, 600, 700]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fixed_delay_counts_from_the_end_of_a_run() {
        let takes = [10, 250, 100, 10];
        let mut trial = Trial::start(Every::delay(ms(100)), move |n| async move {
            sleep(ms(takes[n.min(3)])).await;
            Ok(())
        });
        sleep(ms(790)).await;
        trial.stop();
        trial.ended().await.unwrap();
        assert_eq!(trial.began(), [100, 210, 560, 760]);
    }

    #[tokio::test(start_paused = true)]
    async fn jitter_delays_runs_without_accumulating() {
        let mut trial = Trial::start(Every::rate(ms(1000)).jitter(ms(300)), |_| async { Ok(()) });
        sleep(ms(200_500)).await;
        trial.stop();
        trial.ended().await.unwrap();
        let late: Vec<u64> = (1..).map(|n| n * 1000).zip(trial.began()).map(|(due, at)| at - due).collect();
        assert_eq!(late.len(), 200);
        assert!(late.iter().all(|late| *late <= 301), "the timer's own millisecond aside: {late:?}");
        assert!(late.iter().any(|late| *late < 100) && late.iter().any(|late| *late > 200), "{late:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_run_is_after_one_period_or_immediate() {
        for (every, first) in [(Every::rate(ms(500)), 500), (Every::delay(ms(500)).at_once(), 0)] {
            let mut trial = Trial::start(every, |_| async { Ok(()) });
            sleep(ms(999)).await;
            trial.stop();
            trial.ended().await.unwrap();
            assert_eq!(trial.began().first(), Some(&first));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_due_at_the_stop_signal_does_not_begin_and_a_running_one_finishes() {
        let mut trial = Trial::start(Every::rate(ms(100)), |_| async {
            sleep(ms(50)).await;
            Ok(())
        });
        sleep(ms(200)).await;
        // Either the second run has started by now and finishes, or it never starts.
        trial.stop();
        let begun = trial.began().len();
        trial.ended().await.unwrap();
        sleep(ms(1000)).await;
        assert_eq!(trial.began().len(), begun);
        assert_eq!(trial.counters.finished.load(Ordering::SeqCst), begun as u64);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_does_not_end_is_cancelled_and_counted() {
        let mut trial = Trial::start(Every::rate(ms(100)), |_| std::future::pending());
        sleep(ms(150)).await;
        trial.stop();
        sleep(ms(1000)).await;
        assert_eq!(trial.counters.running.in_flight(), 1, "the ticker waits for it until the deadline");
        trial.source.cancel();
        trial.ended().await.unwrap();
        assert_eq!(trial.counters.cancelled.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_ends_before_it_sees_the_cancellation_counts_as_cancelled() {
        for aborted in [true, false] {
            let done = Arc::new(Notify::new());
            let waits = Arc::clone(&done);
            let mut trial = Trial::start(Every::rate(ms(100)), move |_| {
                let done = Arc::clone(&waits);
                async move {
                    done.notified().await;
                    Ok(())
                }
            });
            sleep(ms(150)).await;
            trial.stop();
            trial.source.cancel();
            // On this single thread the ticker runs after this.
            if aborted {
                trial.ticking.abort_all();
            } else {
                done.notify_one();
            }
            while trial.ticking.join_next().await.is_some() {}
            let counters = (
                trial.counters.finished.load(Ordering::SeqCst),
                trial.counters.cancelled.load(Ordering::SeqCst),
            );
            assert_eq!(counters, (0, 1), "aborted: {aborted}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_stops_the_ticker_or_is_logged_as_configured() {
        let fails = |n: usize| async move {
            assert!(n != 1, "the second falls over");
            if n == 0 { Err("the first fails".into()) } else { Ok(()) }
        };
        let mut stops = Trial::start(Every::rate(ms(100)), fails);
        assert_eq!(stops.ended().await.unwrap_err().to_string(), "the first fails");
        assert_eq!(stops.began().len(), 1);

        let mut goes_on = Trial::start(Every::rate(ms(100)).on_error(OnError::GoOn), fails);
        sleep(ms(450)).await;
        goes_on.stop();
        goes_on.ended().await.unwrap();
        assert_eq!(goes_on.began(), [100, 200, 300, 400]);
        let counts = goes_on.counters.counts();
        assert_eq!((counts.begun, counts.finished, counts.failed, counts.in_flight), (4, 2, 2, 0));
    }
}
