//! Reads the files and writes the timelines.

use std::path::PathBuf;

use clap::Args;
use ebbtide_check::{Options, timelines};

use super::format::TimelineFormat;
use crate::check::input;
use crate::exit::Ending;
use crate::output::{self, Destination, complain, note};

/// Draw the shutdown of each workload on one time axis
///
/// Reads the same files as `ebbtide check`, and shows for each container the preStop hook, the signal, the lame duck, the
/// drain, the margin and SIGKILL, and beside them how long routes and load balancers still lead to it. What comes after
/// SIGKILL is marked. A drain time that no file declares is shown as unknown.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct TimelineArgs {
    /// Files and folders; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Plan of a service, as EBBTIDE_PLAN=json prints it; may be repeated
    ///
    /// As for `ebbtide check`.
    #[arg(long, value_name = "[WORKLOAD=]FILE")]
    plan: Vec<String>,

    /// Output format, on stdout or in a file; may be repeated
    ///
    /// FORMAT is text, svg or html. Text goes to stdout unless another format does.
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = Destination::<TimelineFormat>::parse)]
    format: Vec<Destination<TimelineFormat>>,
}

const AFTER: &str = "\
Exit codes:
  0      each file was read
  2      wrong usage, nothing to check, or a file that could not be read or
         parsed; the others are shown

Examples:
  ebbtide timeline deploy/
  ebbtide timeline --format html=shutdown.html deploy/";

/// Runs `ebbtide timeline`.
pub(crate) fn run(args: TimelineArgs) -> Ending {
    drawn(args).unwrap_or_else(|ending| ending)
}

fn drawn(args: TimelineArgs) -> Result<Ending, Ending> {
    let plans = input::plans(&args.plan).map_err(usage)?;
    let destinations = output::destinations(args.format)?;
    let input = input::read(&args.paths).map_err(usage)?;
    input::refuse_nothing(&input, &args.paths).map_err(usage)?;
    let mut timelines = timelines(input.sources, &Options { plans, ..Options::default() });
    timelines.problems.extend(input.problems);
    let is_written = output::write_all(&destinations, &timelines);
    let mut ending = if is_written { Ending::Passed } else { Ending::Incomplete };
    for problem in &timelines.problems {
        let line = problem
            .place
            .map_or_else(String::new, |place| format!(":{}", timelines.sources.position(place).line));
        let said = format!("{}{line}: {}", problem.path, problem.message);
        if problem.is_failure {
            complain(&said, None);
            ending = Ending::Incomplete;
        } else {
            note(&said);
        }
    }
    Ok(ending)
}

fn usage(message: String) -> Ending {
    complain(&message, None);
    Ending::Usage
}
