//! Runs a rehearsal until it is judged, fails, or is interrupted.

use std::io;
use std::pin::pin;

use ebbtide_rehearse::{News, NotRehearsed, Rehearsal, Scenario, Verdict, rehearse};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::args::RehearseArgs;
use super::plan::scenario;
use crate::exit::Ending;
use crate::output::{self, Destination, Judgement, Progress, Recorder};

/// Runs `ebbtide rehearse`.
pub(crate) fn run(args: RehearseArgs) -> Ending {
    let scenario = match scenario(&args) {
        Ok(scenario) => scenario,
        Err(error) => {
            output::complain(&error.to_string(), Some(&error.hint()));
            return Ending::Usage;
        }
    };
    let destinations = match Destination::complete(args.format) {
        Ok(destinations) => destinations,
        Err(why) => {
            output::complain(&why, Some("write all but one to a file: --format json=FILE"));
            return Ending::Usage;
        }
    };
    if let Some((destination, error)) = destinations.iter().find_map(Destination::unwritable) {
        output::complain(&format!("cannot write {destination}: {error}"), None);
        return Ending::Usage;
    }
    let recorder = match args.record.as_deref().map(Recorder::create).transpose() {
        Ok(recorder) => recorder,
        Err(error) => {
            output::complain(&format!("cannot create the file of --record: {error}"), None);
            return Ending::Usage;
        }
    };
    let mut progress = Progress::new(args.quiet);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome =
        runtime.and_then(|runtime| runtime.block_on(until_interrupted(&scenario, &mut progress, recorder)));
    progress.clear();
    match outcome {
        Ok(RehearsalEnd::Judged(rehearsal)) => conclude(&scenario, &rehearsal, &destinations),
        Ok(RehearsalEnd::Not(error)) => {
            output::not_rehearsed(&error);
            Ending::NotRehearsed
        }
        Ok(RehearsalEnd::Interrupted(signal)) => {
            output::complain("interrupted: no verdict; the service was stopped", None);
            Ending::Interrupted(signal)
        }
        Err(error) => {
            output::not_rehearsed(&NotRehearsed::Io(error));
            Ending::NotRehearsed
        }
    }
}

enum RehearsalEnd {
    Judged(Box<Rehearsal>),
    Not(NotRehearsed),
    Interrupted(i32),
}

async fn until_interrupted(
    scenario: &Scenario,
    progress: &mut Progress,
    mut recorder: Option<Recorder>,
) -> io::Result<RehearsalEnd> {
    let mut signals = Signals::catch()?;
    let mut written = Ok(());
    let mut news = |news: News<'_>| {
        if let (Some(recorder), News::Judged { run, record, .. }, Ok(())) = (&mut recorder, &news, &written) {
            written = recorder.write(*run, record);
        }
        progress.show(&news);
    };
    let interrupted = Notify::new();
    let outcome = {
        let mut rehearsal = pin!(rehearse(scenario, &interrupted, &mut news));
        tokio::select! {
            judged = &mut rehearsal => match judged {
                Ok(rehearsal) => RehearsalEnd::Judged(Box::new(rehearsal)),
                Err(error) => RehearsalEnd::Not(error),
            },
            signal = signals.next() => {
                interrupted.notify_one();
                // It stops the service and cleans up. A second signal skips that.
                tokio::select! {
                    _ = &mut rehearsal => {}
                    _ = signals.next() => {}
                }
                RehearsalEnd::Interrupted(signal)
            }
        }
    };
    written.map(|()| outcome)
}

/// The signals that interrupt a rehearsal.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal, and returns its number.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => libc::SIGINT,
            _ = self.terminate.recv() => libc::SIGTERM,
            _ = self.hangup.recv() => libc::SIGHUP,
        }
    }
}

fn conclude(scenario: &Scenario, rehearsal: &Rehearsal, destinations: &[Destination]) -> Ending {
    let judgement = Judgement::new(scenario, rehearsal);
    for destination in destinations {
        if let Err(error) = destination.write(&judgement) {
            output::complain(&format!("cannot write {destination}: {error}"), None);
            return Ending::NotRehearsed;
        }
    }
    match rehearsal.verdict {
        Verdict::Pass => Ending::Passed,
        Verdict::Inconclusive if !scenario.strict => Ending::Inconclusive,
        Verdict::Inconclusive | Verdict::Fail => Ending::Failed,
    }
}
