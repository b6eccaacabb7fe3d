//! Runs a rehearsal until it is judged, fails, or is interrupted.

use std::ffi::OsString;
use std::io::{self, BufWriter, IntoInnerError};
use std::mem;
use std::path::Path;

use clap::ArgMatches;
use ebbtide_rehearse::words::chain;
use ebbtide_rehearse::{
    News, NotRehearsed, RECORD_VERSION, RecordHeader, Recorder, RehearsalVerdict, Scenario, Shape, ShapePlan,
    SurveyScope, rehearse,
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
        return init(&args);
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
    let recorder = match args.record.as_deref().map(|file| recorder(file, &scenario)).transpose() {
        Ok(recorder) => recorder,
        Err(error) => {
            let file = args.record.unwrap_or_default();
            let what = format!("cannot write {} (--record): {error}", file.display());
            output::complain(&what, Some(output::UNWRITABLE));
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
    let outcome = match signals.or(rehearse(scenario, &interrupted, &mut news), &interrupted).await {
        Ok(Ok(rehearsal)) => RehearsalEnd::Judged(Box::new(rehearsal)),
        Ok(Err(error)) => RehearsalEnd::Not(error),
        Err(signal) => RehearsalEnd::Interrupted(signal),
    };
    written?;
    if let (Some(recorder), RehearsalEnd::Judged(rehearsal)) = (recorder, &outcome) {
        let whole = recorder.finish(rehearsal.verdict)?.into_inner().map_err(IntoInnerError::into_error)?;
        whole.keep()?;
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;

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
