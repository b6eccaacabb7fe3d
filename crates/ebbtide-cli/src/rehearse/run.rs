//! Runs a rehearsal until it is judged, fails, or is interrupted.

use std::ffi::OsString;
use std::io::{self, BufWriter, IntoInnerError};
use std::mem;
use std::path::Path;

use clap::ArgMatches;
use ebbtide_rehearse::words::{self, chain};
use ebbtide_rehearse::{
    News, NotRehearsed, RECORD_VERSION, RecordHeader, Recorder, RehearsalVerdict, Scenario, Shape, ShapePlan,
    SurveyScope, Verdict, rehearse,
};
use tokio::sync::Notify;

use super::args::RehearseArgs;
use super::combinations::one_file;
use super::conclude::conclude;
use super::init::init;
use super::origins::Origins;
use super::plan::{BadPlan, compared, scenario};
use super::settings::with_settings;
use super::signals::Signals;
use super::survey::{left, option, surveyed};
use crate::exit::Ending;
use crate::output::{self, Format as _, Gallery, Judgement, Progress, VerdictFormat, WholeFile};

/// Runs `ebbtide rehearse` with `args`, which were `given` on the command line as `words`.
pub(crate) fn run(
    mut args: RehearseArgs,
    given: Option<&ArgMatches>,
    words: impl Iterator<Item = OsString>,
) -> Ending {
    args.origins = given.map(Origins::given).unwrap_or_default();
    if args.init {
        return init(&args, given);
    }
    match given.map(|given| with_settings(&args, given, words)).transpose() {
        Ok(settings) => match settings.flatten() {
            Some((with_settings, file)) => {
                if !args.quiet {
                    output::note(&format!("settings of {}", file.path.display()));
                }
                rehearsed(with_settings)
            }
            None => rehearsed(args),
        },
        Err(error) => {
            output::complain(&chain(&error), error.hint());
            Ending::Usage
        }
    }
}

fn rehearsed(mut args: RehearseArgs) -> Ending {
    let (mut before, mut scenario) = match planned(&args) {
        Ok(planned) => planned,
        Err(ending) => return ending,
    };
    let destinations = match output::destinations(mem::take(&mut args.format)) {
        Ok(destinations) => destinations,
        Err(ending) => return ending,
    };
    if let Some(record) = &args.record
        && let Some(same) = destinations.iter().find(|destination| destination.goes_to(record))
    {
        return refused(&args, &one_file(Some(record), same.format().name()).into());
    }
    let record = match args.record.as_deref().map(WholeFile::create).transpose() {
        Ok(record) => record,
        Err(error) => {
            output::complain(&unwritten(&args, &error), Some(output::UNWRITABLE));
            return Ending::Usage;
        }
    };
    let is_searched = args.ready.is_none() && !args.demo && args.service.attach.is_none();
    if args.ready.is_none() && !args.demo {
        let ready = match surveyed(&scenario, SurveyScope::Readiness) {
            Ok(survey) => survey.ready,
            Err(ending) => return ending,
        };
        if !args.quiet {
            output::note(&format!("found --ready {}", option(&ready)));
        }
        // What is sent to a service depends on its readiness.
        args.ready = Some(ready);
        (before, scenario) = match planned(&args) {
            Ok(planned) => planned,
            Err(ending) => return ending,
        };
    }
    if let Some(shapes) = over_http1(&args, &scenario)
        && !args.quiet
    {
        output::note(&format!("{shapes}: HTTP/1, also with --http2"));
    }
    let recorder = match record.map(|file| recorder(file, &scenario)).transpose() {
        Ok(recorder) => recorder,
        Err(error) => {
            output::complain(&unwritten(&args, &error), None);
            return Ending::NotRehearsed;
        }
    };
    // The timeline is that of the command after `--`.
    let has_page = destinations.iter().any(|destination| destination.format() == VerdictFormat::Html);
    let (mut gallery, mut none) = (Gallery::new(has_page), Gallery::default());
    let compared = |before: Scenario| {
        let judged = judged(&before, args.quiet, &mut none, None, Earlier { is_searched: false });
        let judged = judged.inspect_err(|_| {
            output::note(&format!("no verdict on the command of --compare, `{}`", before.program.title()));
        });
        Ok((judged?.0, before))
    };
    let before = match before.map(compared).transpose() {
        Ok(before) => before,
        Err(ending) => return ending,
    };
    let earlier = Earlier { is_searched };
    let (rehearsal, recorded) = match judged(&scenario, args.quiet, &mut gallery, recorder, earlier) {
        Ok(judged) => judged,
        Err(ending) => return ending,
    };
    let before = before.as_ref().map(|(rehearsal, scenario)| Judgement::new(scenario, rehearsal, &none));
    let judgement = Judgement { before: before.as_ref(), ..Judgement::new(&scenario, &rehearsal, &gallery) };
    let ending = conclude(&judgement, &destinations);
    match recorded {
        Ok(()) => ending,
        Err(error) => {
            output::complain(&unwritten(&args, &error), None);
            ending.with_unwritten()
        }
    }
}

/// Returns why the record cannot be written.
fn unwritten(args: &RehearseArgs, error: &io::Error) -> String {
    let file = args.record.as_deref().unwrap_or(Path::new(""));
    format!("cannot write {} (--record): {error}", file.display())
}

/// Returns the shapes of a load over HTTP/2 that are sent over HTTP/1, if there are any.
fn over_http1(args: &RehearseArgs, scenario: &Scenario) -> Option<String> {
    let is_http1 = |shape: &Shape| matches!(shape, Shape::Websocket | Shape::Download | Shape::Upload);
    let shapes = scenario.load.shapes.iter().map(ShapePlan::shape).filter(is_http1);
    let names: Vec<&str> = shapes.map(Shape::name).collect();
    (args.http2.is_some() && !names.is_empty()).then(|| names.join(", "))
}

/// Returns the scenario of `--compare`, if there is one, and that of the command. Prints what is wrong with the options.
fn planned(args: &RehearseArgs) -> Result<(Option<Scenario>, Scenario), Ending> {
    let planned = scenario(args).and_then(|main| Ok((compared(args, &main)?, main)));
    planned.map_err(|error| refused(args, &error))
}

/// Prints why the options cannot be used: with the place of the key if it is one of the file. Returns the exit code.
pub(super) fn refused(args: &RehearseArgs, error: &BadPlan) -> Ending {
    let (text, hint) = (error.to_string(), error.hint());
    match args.origins.at_key(&error.options(), &text, &hint) {
        Some(at_key) => output::complain(&at_key.to_string(), at_key.hint()),
        None => output::complain(&text, Some(&hint)),
    }
    Ending::Usage
}

/// Whether the service was started before its first run.
#[derive(Clone, Copy, Debug)]
struct Earlier {
    /// To find its listener.
    is_searched: bool,
}

impl Earlier {
    /// Returns what the reader of an error has to know of earlier starts, after these `runs`: what they left may keep the service from
    /// starting again.
    fn note(self, runs: &[Verdict]) -> Option<String> {
        let names = |verdict: &Verdict| match verdict {
            Verdict::Pass => "pass",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Fail => "FAIL",
        };
        let verdicts: Vec<&str> = runs.iter().map(names).collect();
        let left = "a lock file or a socket that it left then may keep it from starting again";
        match (verdicts.as_slice(), self.is_searched) {
            ([], false) => None,
            ([], true) => Some(format!(
                "the service was started before, to find its listener (--ready skips that): {left}"
            )),
            (verdicts, _) => {
                let count = words::plural(verdicts.len() as u64, "run", "runs");
                // The last ones, of many.
                let shown = verdicts.iter().rev().take(SHOWN).rev().copied().collect::<Vec<_>>().join(", ");
                let more = if verdicts.len() > SHOWN { "…, " } else { "" };
                Some(format!(
                    "the service was started before, in {count} with a verdict ({more}{shown}): {left}"
                ))
            }
        }
    }
}

/// The most verdicts of earlier runs that are named.
const SHOWN: usize = 10;

/// Rehearses `scenario`. Prints the reason if there is no verdict. With the verdict comes whether the record was written.
fn judged(
    scenario: &Scenario,
    quiet: bool,
    gallery: &mut Gallery,
    recorder: Option<Recorder<BufWriter<WholeFile>>>,
    earlier: Earlier,
) -> Result<(RehearsalVerdict, io::Result<()>), Ending> {
    let mut progress = Progress::new(quiet);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut runs = Vec::new();
    let outcome = runtime.and_then(|runtime| {
        runtime.block_on(until_interrupted(scenario, &mut progress, gallery, recorder, &mut runs))
    });
    progress.clear();
    match outcome {
        Ok(RehearsalEnd::Judged(rehearsal, recorded)) => Ok((*rehearsal, recorded)),
        Ok(RehearsalEnd::Not(error)) => {
            output::not_rehearsed(&error);
            let is_start = matches!(
                error,
                NotRehearsed::EndedEarly { .. }
                    | NotRehearsed::NeverReady { .. }
                    | NotRehearsed::PortTaken(_)
            );
            if let Some(note) = earlier.note(&runs).filter(|_| is_start || !runs.is_empty()) {
                output::note(&note);
            }
            Err(Ending::NotRehearsed)
        }
        Ok(RehearsalEnd::Interrupted(signal)) => {
            output::complain(&format!("interrupted: no verdict; the service was {}", left(scenario)), None);
            Err(Ending::Interrupted(signal))
        }
        Err(error) => {
            output::not_rehearsed(&NotRehearsed::Io(error));
            Err(Ending::NotRehearsed)
        }
    }
}

/// Begins the record, with its header. Without a verdict, nothing is left of it.
fn recorder(file: WholeFile, scenario: &Scenario) -> io::Result<Recorder<BufWriter<WholeFile>>> {
    let header = RecordHeader {
        version: RECORD_VERSION,
        program: concat!("ebbtide ", env!("CARGO_PKG_VERSION")).to_owned(),
        command: scenario.program.title(),
        seed: scenario.seed,
        repeat: scenario.repeat,
        strict: scenario.strict,
    };
    Recorder::new(BufWriter::new(file), &header)
}

enum RehearsalEnd {
    /// With whether the record was written.
    Judged(Box<RehearsalVerdict>, io::Result<()>),
    Not(NotRehearsed),
    Interrupted(i32),
}

async fn until_interrupted(
    scenario: &Scenario,
    progress: &mut Progress,
    gallery: &mut Gallery,
    mut recorder: Option<Recorder<BufWriter<WholeFile>>>,
    runs: &mut Vec<Verdict>,
) -> io::Result<RehearsalEnd> {
    let mut signals = Signals::catch()?;
    let mut written = Ok(());
    let mut news = |news: News<'_>| {
        if let News::Judged { record, terms, verdict, facts, .. } = &news {
            runs.push(verdict.verdict);
            if let (Some(recorder), Ok(())) = (&mut recorder, &written) {
                written = recorder.write(record, terms, verdict.verdict, facts);
            }
        }
        gallery.add(&news);
        progress.show(&news);
    };
    let interrupted = Notify::new();
    Ok(match signals.or(rehearse(scenario, &interrupted, &mut news), &interrupted).await {
        Ok(Ok(rehearsal)) => {
            let recorded = written.and_then(|()| finish(recorder, rehearsal.verdict));
            RehearsalEnd::Judged(Box::new(rehearsal), recorded)
        }
        Ok(Err(error)) => RehearsalEnd::Not(error),
        Err(signal) => RehearsalEnd::Interrupted(signal),
    })
}

/// Ends the record, if there is one, and puts it in its place.
fn finish(recorder: Option<Recorder<BufWriter<WholeFile>>>, verdict: Verdict) -> io::Result<()> {
    let Some(recorder) = recorder else { return Ok(()) };
    let whole = recorder.finish(verdict)?.into_inner().map_err(IntoInnerError::into_error)?;
    whole.keep()
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    #[test]
    fn earlier_starts_are_told_with_their_verdicts() {
        let note = |is_searched, runs: &[Verdict]| Earlier { is_searched }.note(runs);
        assert_eq!(note(false, &[]), None);
        assert!(note(true, &[]).unwrap().starts_with("the service was started before, to find its listener"));
        let told = note(true, &[Verdict::Pass, Verdict::Fail]).unwrap();
        assert!(told.contains("in 2 runs with a verdict (pass, FAIL)"), "{told}");
        let told = note(false, &[Verdict::Pass; 11]).unwrap();
        assert_eq!(
            (told.contains("11 runs"), told.matches("pass").count(), told.contains("…")),
            (true, SHOWN, true)
        );
    }

    #[test]
    fn what_http2_is_not_used_for_is_named() {
        let noted = |words: &[&str]| {
            let options = RehearseArgs::augment_args(clap::Command::new("rehearse"));
            let words =
                ["rehearse", "--ready=http://127.0.0.1:1/"].iter().chain(words).chain(&["--", "shop"]);
            let args = RehearseArgs::from_arg_matches(&options.get_matches_from(words)).unwrap();
            over_http1(&args, &scenario(&args).unwrap())
        };
        let websocket = "--url=websocket=/chat";
        assert_eq!(noted(&["--http2", websocket, "--url=upload=/a"]).as_deref(), Some("websocket, upload"));
        assert_eq!(noted(&[websocket]), None);
        assert_eq!(noted(&["--http2"]), None);
    }
}
