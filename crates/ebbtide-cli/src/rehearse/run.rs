//! Runs a rehearsal until it is judged, fails, or is interrupted.

use std::io::{self, BufWriter, IntoInnerError};
use std::path::Path;
use std::pin::pin;

use ebbtide_rehearse::{
    News, NotRehearsed, RECORD_VERSION, RecordHeader, Recorder, RehearsalVerdict, Scenario, rehearse,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::args::RehearseArgs;
use super::conclude::conclude;
use super::plan::{compared, scenario};
use crate::exit::Ending;
use crate::output::{self, Gallery, Judgement, Progress, VerdictFormat, WholeFile};

/// Runs `ebbtide rehearse`.
pub(crate) fn run(args: RehearseArgs) -> Ending {
    let planned = scenario(&args).and_then(|main| Ok((compared(&args, &main)?, main)));
    let (before, scenario) = match planned {
        Ok(planned) => planned,
        Err(error) => {
            output::complain(&error.to_string(), Some(&error.hint()));
            return Ending::Usage;
        }
    };
    let destinations = match output::destinations(args.format) {
        Ok(destinations) => destinations,
        Err(ending) => return ending,
    };
    let recorder = match args.record.as_deref().map(|file| recorder(file, &scenario)).transpose() {
        Ok(recorder) => recorder,
        Err(error) => {
            let file = args.record.unwrap_or_default();
            output::complain(&format!("cannot write {} (--record): {error}", file.display()), None);
            return Ending::Usage;
        }
    };
    // The timeline is that of the command after `--`.
    let has_page = destinations.iter().any(|destination| destination.format() == VerdictFormat::Html);
    let (mut gallery, mut none) = (Gallery::new(has_page), Gallery::default());
    let before =
        match before.map(|before| Ok((judged(&before, args.quiet, &mut none, None)?, before))).transpose() {
            Ok(before) => before,
            Err(ending) => return ending,
        };
    let rehearsal = match judged(&scenario, args.quiet, &mut gallery, recorder) {
        Ok(rehearsal) => rehearsal,
        Err(ending) => return ending,
    };
    let before = before.as_ref().map(|(rehearsal, scenario)| Judgement::new(scenario, rehearsal, &none));
    let judgement = Judgement { before: before.as_ref(), ..Judgement::new(&scenario, &rehearsal, &gallery) };
    conclude(&judgement, &destinations)
}

/// Rehearses `scenario`. Prints the reason if there is no verdict.
fn judged(
    scenario: &Scenario,
    quiet: bool,
    gallery: &mut Gallery,
    recorder: Option<Recorder<BufWriter<WholeFile>>>,
) -> Result<RehearsalVerdict, Ending> {
    let mut progress = Progress::new(quiet);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime
        .and_then(|runtime| runtime.block_on(until_interrupted(scenario, &mut progress, gallery, recorder)));
    progress.clear();
    match outcome {
        Ok(RehearsalEnd::Judged(rehearsal)) => Ok(*rehearsal),
        Ok(RehearsalEnd::Not(error)) => {
            output::not_rehearsed(&error);
            Err(Ending::NotRehearsed)
        }
        Ok(RehearsalEnd::Interrupted(signal)) => {
            output::complain("interrupted: no verdict; the service was stopped", None);
            Err(Ending::Interrupted(signal))
        }
        Err(error) => {
            output::not_rehearsed(&NotRehearsed::Io(error));
            Err(Ending::NotRehearsed)
        }
    }
}

/// Begins the record, with its header. Without a verdict, nothing is left of it.
fn recorder(file: &Path, scenario: &Scenario) -> io::Result<Recorder<BufWriter<WholeFile>>> {
    let header = RecordHeader {
        version: RECORD_VERSION,
        program: concat!("ebbtide ", env!("CARGO_PKG_VERSION")).to_owned(),
        command: scenario.program.title(),
        seed: scenario.seed,
        repeat: scenario.repeat,
        strict: scenario.strict,
    };
    Recorder::new(BufWriter::new(WholeFile::create(file)?), &header)
}

enum RehearsalEnd {
    Judged(Box<RehearsalVerdict>),
    Not(NotRehearsed),
    Interrupted(i32),
}

async fn until_interrupted(
    scenario: &Scenario,
    progress: &mut Progress,
    gallery: &mut Gallery,
    mut recorder: Option<Recorder<BufWriter<WholeFile>>>,
) -> io::Result<RehearsalEnd> {
    let mut signals = Signals::catch()?;
    let mut written = Ok(());
    let mut news = |news: News<'_>| {
        if let News::Judged { record, terms, verdict, facts, .. } = &news
            && let (Some(recorder), Ok(())) = (&mut recorder, &written)
        {
            written = recorder.write(record, terms, verdict.verdict, facts);
        }
        gallery.add(&news);
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
    written?;
    if let (Some(recorder), RehearsalEnd::Judged(rehearsal)) = (recorder, &outcome) {
        let whole = recorder.finish(rehearsal.verdict)?.into_inner().map_err(IntoInnerError::into_error)?;
        whole.keep()?;
    }
    Ok(outcome)
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
