//! The stop of one run: what precedes the signal, the signals, and the end of the process.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::Rlimit;
use tokio::time::sleep;

use super::child::{Hook, Service, as_sent, remaining, tail};
use super::conductor::News;
use super::load::Load;
use super::probe::DatabaseProbe;
use super::readying::TAIL;
use super::record::{Ended, PreStopEnd, PreStopRun, Record};
use super::relay::Relays;
use super::sampling::Sampler;
use super::scenario::{PreStop, StopPlan, StopSignal};
use super::trouble::NotRehearsed;
use crate::clock::{At, Clock};

/// How long before the signal the connections of the protocol phases are prepared.
const BRACE: Duration = Duration::from_millis(300);
/// The interval between two progress events.
const TICK: Duration = Duration::from_millis(100);

/// Receives progress events.
pub(super) type Listener<'a> = &'a mut dyn FnMut(News<'_>);

/// A service that is to be stopped.
pub(super) struct Stopping<'a> {
    pub(super) plan: &'a StopPlan,
    pub(super) service: &'a mut Service,
    /// `None`: the stop begins without load.
    pub(super) load: Option<&'a Load>,
    pub(super) database: Option<&'a DatabaseProbe>,
    pub(super) relays: Option<&'a Relays>,
    pub(super) sampler: &'a Sampler,
    pub(super) hook: HookPlace<'a>,
    pub(super) clock: Clock,
}

/// What a preStop command needs.
pub(super) struct HookPlace<'a> {
    pub(super) folder: Option<&'a Path>,
    pub(super) env: &'a [(std::ffi::OsString, std::ffi::OsString)],
    pub(super) log: PathBuf,
    pub(super) files: Rlimit,
}

impl Stopping<'_> {
    /// Waits until the stop begins, `time` from now.
    ///
    /// # Errors
    ///
    /// The service ended before.
    pub(super) async fn wait(&mut self, time: Duration, news: Listener<'_>) -> Result<(), NotRehearsed> {
        let braced = match &self.plan.pre_stop {
            None => Duration::ZERO,
            Some(PreStop::Sleep(hook)) => *hook,
            Some(PreStop::Command(_)) => BRACE,
        };
        let before = BRACE.saturating_sub(braced).min(time);
        let until = self.clock.now() + time;
        self.tell(time.saturating_sub(before), until, news).await?;
        if braced < BRACE {
            self.brace();
        }
        self.tell(before, until, news).await
    }

    /// Stops the service: returns when its process has ended.
    pub(super) async fn stop(&mut self, record: &mut Record, news: Listener<'_>) -> Result<(), NotRehearsed> {
        let routed = self.plan.min_lame_duck;
        if let Some(load) = self.load.filter(|_| !routed.is_zero()) {
            load.routed_until(self.clock.now() + routed);
        }
        if let Some(hook) = &self.plan.pre_stop {
            news(News::PreStop { hook: hook.to_string() });
        }
        // A hook that overran is ended with the service.
        let _hook = match &self.plan.pre_stop {
            None => None,
            Some(PreStop::Sleep(time)) => {
                self.pause(*time, record, news).await?;
                None
            }
            Some(PreStop::Command(words)) => self.command(words, record, news).await?,
        };
        record.signalled = self.clock.now();
        // First: what the clients see from here on is not "before the signal", however fast the process ends.
        if let Some(load) = self.load {
            load.signalled();
        }
        if let Some(database) = self.database {
            database.signalled(record.signalled);
        }
        if let Some(relays) = self.relays {
            relays.signalled();
        }
        self.sampler.signalled();
        if record.exit.is_some() {
            return Ok(());
        }
        self.send(self.plan.signal);
        news(News::Signalled { signal: self.plan.signal.name(), grace: self.plan.grace });
        self.end(record, news).await
    }

    /// Sleeps as a preStop hook.
    async fn pause(
        &mut self,
        time: Duration,
        record: &mut Record,
        news: Listener<'_>,
    ) -> Result<(), NotRehearsed> {
        let began = self.clock.now();
        let before_grace = self.plan.grace_after_pre_stop;
        let in_grace = if before_grace { time } else { time.min(self.plan.grace) };
        let (before, until) = (in_grace.saturating_sub(BRACE), began + in_grace);
        let mut ended = self.unless_ended(sleep(before), until, record, news).await?.is_none();
        if !ended {
            if time >= BRACE {
                self.brace();
            }
            let rest = sleep(in_grace.saturating_sub(before));
            ended = self.unless_ended(rest, until, record, news).await?.is_none();
        }
        let end = match ended {
            true => PreStopEnd::ServiceEnded,
            false if time > in_grace => PreStopEnd::Overran,
            false => PreStopEnd::Done,
        };
        record.pre_stop = Some(PreStopRun { began, ended: self.clock.now(), end, before_grace });
        Ok(())
    }

    /// Runs the command of a preStop hook. Returns it if it is still running at the end of the grace period.
    async fn command(
        &mut self,
        words: &[std::ffi::OsString],
        record: &mut Record,
        news: Listener<'_>,
    ) -> Result<Option<Hook>, NotRehearsed> {
        let began = self.clock.now();
        let pid = self.service.pid().as_raw_nonzero().to_string();
        let env: Vec<_> =
            self.hook.env.iter().cloned().chain([("EBBTIDE_SERVICE_PID".into(), pid.into())]).collect();
        let (grace, mut left) = (self.plan.grace, None);
        let end =
            match Hook::start(words, &env, self.hook.folder, &self.hook.log, self.hook.files, self.clock) {
                Err(why) => PreStopEnd::Failed(why),
                Ok(mut hook) => {
                    let waiting = async {
                        tokio::select! {
                            biased;
                            ended = hook.ended() => match ended {
                                Ok(()) => PreStopEnd::Done,
                                Err(why) => PreStopEnd::Failed(why),
                            },
                            () = sleep(grace) => PreStopEnd::Overran,
                        }
                    };
                    let end = self.unless_ended(waiting, began + grace, record, news).await?;
                    let end = end.unwrap_or(PreStopEnd::ServiceEnded);
                    left = (end == PreStopEnd::Overran).then_some(hook);
                    end
                }
            };
        let before_grace = self.plan.grace_after_pre_stop;
        record.pre_stop = Some(PreStopRun { began, ended: self.clock.now(), end, before_grace });
        if left.is_none() && record.exit.is_none() {
            self.brace();
            let until = self.clock.now() + BRACE;
            self.unless_ended(sleep(BRACE), until, record, news).await?;
        }
        Ok(left)
    }

    /// Waits for `what`, until `until` at the latest, unless the service ends first: `None`, and its exit is recorded.
    async fn unless_ended<T>(
        &mut self,
        what: impl Future<Output = T>,
        until: At,
        record: &mut Record,
        news: Listener<'_>,
    ) -> Result<Option<T>, NotRehearsed> {
        tokio::select! {
            biased;
            ended = self.service.ended() => {
                record.exit = Some(ended?);
                Ok(None)
            }
            done = what => Ok(Some(done)),
            () = ticks(self.load, View { clock: self.clock, signalled: None, until }, news) => Ok(None),
        }
    }

    /// Waits until the service has stopped; sends the second signal when it is due, and SIGKILL to the process group when the grace
    /// period has ended.
    async fn end(&mut self, record: &mut Record, news: Listener<'_>) -> Result<(), NotRehearsed> {
        let deadline = record.deadline(self.plan.grace);
        let view = View { clock: self.clock, signalled: Some(record.signalled), until: deadline };
        let second = self.plan.then.map(|then| (then.signal, record.signalled + then.after));
        let in_time = loop {
            let (now, pending) = (self.clock.now(), second.filter(|_| record.second_signal.is_none()));
            let due = pending.map_or(Duration::MAX, |(_, at)| at.since(now));
            tokio::select! {
                biased;
                ended = stopped(self.service, self.plan, self.clock) => break Some(ended?),
                () = sleep(deadline.since(now)) => break None,
                () = sleep(due), if pending.is_some() => {}
                () = ticks(self.load, view, news) => {}
            }
            if let Some((signal, _)) = pending {
                record.second_signal = Some(self.clock.now());
                self.send(signal);
            }
        };
        let exit = match in_time {
            Some(ended) => ended,
            None => {
                let killed = self.clock.now();
                record.killed = Some(killed);
                self.service.kill();
                let (at, ended) = self.service.ended().await?;
                // One that outlived the first process was killed later.
                (at.max(killed), ended)
            }
        };
        record.exit = Some(exit);
        // It was sent to a process that had ended, whose end was seen later.
        record.second_signal = record.second_signal.filter(|sent| *sent <= exit.0);
        Ok(())
    }

    fn send(&mut self, signal: StopSignal) {
        let signal = as_sent(signal);
        if self.plan.to_all {
            self.service.signal_all(signal);
        } else {
            self.service.signal(signal);
        }
    }

    fn brace(&self) {
        if let Some(load) = self.load {
            load.brace();
        }
        if let Some(relays) = self.relays {
            relays.brace();
        }
    }

    /// Waits for `time` before the stop, which begins at `until`, and reports the progress of the load.
    async fn tell(&mut self, time: Duration, until: At, news: Listener<'_>) -> Result<(), NotRehearsed> {
        let view = View { clock: self.clock, signalled: None, until };
        let log = self.service.log().to_owned();
        tokio::select! {
            () = sleep(time) => Ok(()),
            () = ticks(self.load, view, news) => Ok(()),
            ended = self.service.ended() => {
                let when = if self.load.is_some() { "under load, before the signal" } else { "before the signal" };
                let (_, ended) = ended?;
                let left = remaining(self.service.family()).await;
                Err(NotRehearsed::EndedEarly { when, ended, left, tail: tail(&log, TAIL) })
            }
        }
    }
}

/// Waits for the end that the platform waits for: of the first process, or where it signals every one, of the last.
async fn stopped(service: &mut Service, plan: &StopPlan, clock: Clock) -> io::Result<(At, Ended)> {
    if plan.to_all { service.all_ended(clock).await } else { service.ended().await }
}

/// What the progress of a load refers to.
#[derive(Clone, Copy)]
struct View {
    clock: Clock,
    signalled: Option<At>,
    /// The signal, or after it SIGKILL.
    until: At,
}

/// Reports the progress of the load; never returns.
async fn ticks(load: Option<&Load>, view: View, news: Listener<'_>) {
    loop {
        if let Some(gauge) = load.map(Load::gauge) {
            let now = view.clock.now();
            news(News::Loading {
                answered: gauge.answered.load(Ordering::Relaxed),
                in_flight: gauge.in_flight.load(Ordering::Relaxed),
                lost: gauge.lost.load(Ordering::Relaxed),
                refused: gauge.refused.load(Ordering::Relaxed),
                since_signal: view.signalled.map(|at| now.since(at)),
                left: view.until.since(now),
            });
        }
        sleep(TICK).await;
    }
}
