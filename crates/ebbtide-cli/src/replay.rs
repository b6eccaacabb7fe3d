//! `ebbtide replay`: judges a recorded rehearsal again.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use ebbtide_rehearse::{BadRecord, BadRecordKind, Replayed, Verdict, replay, words};

use crate::exit::Ending;
use crate::output::{self, Destination, Gallery, Judgement, VerdictFormat};
use crate::rehearse::conclude;

/// Judge a recorded rehearsal again, and print the verdict in any format
///
/// FILE is what `ebbtide rehearse --record FILE` wrote. Nothing is started: the same checks judge the same events, so that
/// the verdict is that of the rehearsal. A newer version may judge differently; a note then names both verdicts.
///
/// A record that is not complete is refused, because a missing line could hide a loss. A rehearsal without a verdict leaves no
/// record.
#[derive(Debug, Args)]
#[command(after_long_help = extra())]
pub(crate) struct ReplayArgs {
    /// Record of the rehearsal; `-` reads stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Fail when the verdict is inconclusive
    ///
    /// Always on for a rehearsal with --strict.
    #[arg(long)]
    strict: bool,

    /// Format of the verdict, on stdout or in a file; repeatable
    ///
    /// The formats are those of `ebbtide rehearse --help`.
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = Destination::<VerdictFormat>::parse)]
    format: Vec<Destination<VerdictFormat>>,
}

const EXAMPLES: &str = "\
Examples:
  ebbtide replay events.ndjson
  ebbtide replay events.ndjson --format junit=report.xml --format markdown=report.md";

/// Returns the help text after the options.
fn extra() -> String {
    format!("{EXAMPLES}\n\n{}", crate::exit::TABLE)
}

/// Runs `ebbtide replay`.
pub(crate) fn run(args: ReplayArgs) -> Ending {
    let destinations = match output::destinations(args.format) {
        Ok(destinations) => destinations,
        Err(ending) => return ending,
    };
    let input = match open(&args.file) {
        Ok(input) => input,
        Err(error) => {
            output::complain(&format!("cannot read {}: {error}", args.file.display()), None);
            return Ending::Usage;
        }
    };
    let has_page = destinations.iter().any(|destination| destination.format() == VerdictFormat::Html);
    let mut gallery = Gallery::new(has_page);
    let Replayed { header, rehearsal, recorded } = match replay(input, &mut |news| gallery.add(&news)) {
        Ok(replayed) => replayed,
        Err(bad) => {
            output::complain(&place(&args.file, &bad), hint(&bad));
            return Ending::Usage;
        }
    };
    if recorded != rehearsal.verdict {
        let [recorded, judged] = [recorded, rehearsal.verdict].map(name);
        output::note(&format!(
            "{} judged the rehearsal as {recorded}, this version as {judged}",
            header.program
        ));
    }
    let judgement = Judgement {
        command: header.command,
        seed: header.seed,
        repeat: header.repeat,
        strict: header.strict || args.strict,
        rehearsal: &rehearsal,
        gallery: &gallery,
        before: None,
    };
    conclude(&judgement, &destinations)
}

fn open(file: &Path) -> io::Result<Box<dyn BufRead>> {
    Ok(if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(file)?))
    })
}

/// Returns the error with its place, as compilers print it: `FILE:LINE:COLUMN: …`.
fn place(file: &Path, bad: &BadRecord) -> String {
    let column = bad.column.map_or_else(String::new, |column| format!(":{column}"));
    format!("{}:{}{column}: {}", file.display(), bad.line, words::chain(bad))
}

fn hint(bad: &BadRecord) -> Option<&'static str> {
    match bad.kind {
        BadRecordKind::Empty | BadRecordKind::NoHeader => {
            Some("`ebbtide rehearse --record FILE` writes a record, once the rehearsal has a verdict")
        }
        BadRecordKind::Version(_) => Some("the header of the record names the program that wrote it"),
        BadRecordKind::Truncated
        | BadRecordKind::Count { .. }
        | BadRecordKind::Missing { .. }
        | BadRecordKind::Run { .. } => Some(
            "the file is truncated, and a missing line could hide a loss: copy it again, or rehearse again with --record FILE",
        ),
        BadRecordKind::Line { .. } | BadRecordKind::Unexpected(_) => {
            Some("the file was changed after it was written: rehearse again with --record FILE")
        }
        _ => None,
    }
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "fail",
    }
}
