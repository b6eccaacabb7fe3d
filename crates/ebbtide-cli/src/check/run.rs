//! Reads the files, checks them, and writes the report.

use std::error::Error as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ebbtide_check::render::Look;
use ebbtide_check::{Options, Problem, ServicePlan, Severity, Sources, check, collect};

use super::args::CheckArgs;
use super::format::Shown;
use crate::exit::Ending;
use crate::output::{self, complain};

/// Runs `ebbtide check`.
pub(crate) fn run(args: CheckArgs) -> Ending {
    let plans = match args.plan.iter().map(|plan| read_plan(plan)).collect() {
        Ok(plans) => plans,
        Err(message) => {
            complain(&message, None);
            return Ending::Usage;
        }
    };
    let options = Options { select: args.select, ignore: args.ignore, plans };
    if let Some(unknown) = options.unknown().first() {
        complain(&format!("unknown rule `{unknown}`"), Some("`ebbtide explain` lists the rules"));
        return Ending::Usage;
    }
    let destinations = match output::destinations(args.format) {
        Ok(destinations) => destinations,
        Err(ending) => return ending,
    };
    let (sources, mut problems) = match read(&args.paths) {
        Ok(read) => read,
        Err(message) => {
            complain(&message, None);
            return Ending::Usage;
        }
    };
    let mut report = check(sources, &options);
    report.problems.append(&mut problems);
    let look = Look {
        is_coloured: true,
        least: if args.info { Severity::Info } else { Severity::Warning },
        shows_suppressed: args.show_suppressed,
        ..Look::default()
    };
    for destination in &destinations {
        if let Err(error) = destination.write(&Shown { report: &report, look }) {
            complain(&format!("cannot write {destination}: {error}"), None);
            return Ending::Usage;
        }
    }
    if report.is_incomplete() {
        Ending::Incomplete
    } else if report.fails_at(args.fail_on.into()) {
        Ending::Failed
    } else {
        Ending::Passed
    }
}

/// Reads `[WORKLOAD=]FILE`.
fn read_plan(argument: &str) -> Result<ServicePlan, String> {
    let (workload, file) = match argument.split_once('=') {
        Some((workload, file)) => (Some(workload), file),
        None => (None, argument),
    };
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read {file}: {error}"))?;
    ServicePlan::parse(workload, file, &text).map_err(|error| match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    })
}

/// Reads the files that the arguments name. A file that cannot be read is a problem; the others are checked.
fn read(paths: &[PathBuf]) -> Result<(Sources, Vec<Problem>), String> {
    let mut sources = Sources::new();
    let (stdin, paths): (Vec<PathBuf>, Vec<PathBuf>) =
        paths.iter().cloned().partition(|path| path == Path::new("-"));
    if !stdin.is_empty() {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map_err(|error| format!("cannot read standard input: {error}"))?;
        sources.add("<stdin>", text);
    }
    let (files, mut problems) = collect(&paths);
    for file in files {
        problems.extend(sources.add_file(&file).err());
    }
    Ok((sources, problems))
}
