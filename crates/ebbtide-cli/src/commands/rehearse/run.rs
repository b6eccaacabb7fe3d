//! Running a rehearsal: until it is judged, cannot be, or is interrupted.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use super::args::RehearseArgs;
use super::plan::scenario;
use crate::exit::Ending;
use crate::output::{self, Destination, Progress, Recorder};
use crate::rehearse::{News, NotRehearsed, Rehearsal, Scenario, Verdict, rehearse};

/// Runs `ebbtide rehearse`.
pub(crate) fn run(args: RehearseArgs) -> Ending {
    let scenario = match scenario(&args) {
        Ok(scenario) => scenario,
        Err(error) => {
            output::complain(&error.to_string(), Some("`ebbtide rehearse --help` explains every option"));
            return Ending::Usage;
        }
    };
    let destinations = match Destination::complete(args.format) {
        Ok(destinations) => destinations,
        Err(why) => {
            output::complain(&why, None);
            return Ending::Usage;
        }
    };
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
        Ok(Outcome::Judged(rehearsal)) => conclude(&scenario, &rehearsal, &destinations),
        Ok(Outcome::Not(error)) => {
            output::not_rehearsed(&error);
            Ending::NotRehearsed
        }
        Ok(Outcome::Interrupted(signal)) => {
            output::complain("interrupted: no verdict; the service was ended", None);
            Ending::Interrupted(signal)
        }
        Err(error) => {
            output::not_rehearsed(&NotRehearsed::Io(error));
            Ending::NotRehearsed
        }
    }
}

enum Outcome {
    Judged(Box<Rehearsal>),
    Not(NotRehearsed),
    Interrupted(i32),
}

async fn until_interrupted(
    scenario: &Scenario,
    progress: &mut Progress,
    mut recorder: Option<Recorder>,
) -> io::Result<Outcome> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut written = Ok(());
    let mut news = |news: News<'_>| {
        if let (Some(recorder), News::Judged { run, record, .. }, Ok(())) = (&mut recorder, &news, &written) {
            written = recorder.write(*run, record);
        }
        progress.show(&news);
    };
    // Dropping the rehearsal ends the service and everything it started.
    let outcome = tokio::select! {
        judged = rehearse(scenario, &mut news) => match judged {
            Ok(rehearsal) => Outcome::Judged(Box::new(rehearsal)),
            Err(error) => Outcome::Not(error),
        },
        _ = interrupt.recv() => Outcome::Interrupted(libc::SIGINT),
        _ = terminate.recv() => Outcome::Interrupted(libc::SIGTERM),
        _ = hangup.recv() => Outcome::Interrupted(libc::SIGHUP),
    };
    written.map(|()| outcome)
}

fn conclude(scenario: &Scenario, rehearsal: &Rehearsal, destinations: &[Destination]) -> Ending {
    for destination in destinations {
        if let Err(error) = destination.write(scenario, rehearsal) {
            output::complain(&format!("cannot write {destination}: {error}"), None);
            return Ending::NotRehearsed;
        }
    }
    match rehearsal.verdict {
        Verdict::Pass => Ending::Passed,
        Verdict::Fail => Ending::Failed,
    }
}
