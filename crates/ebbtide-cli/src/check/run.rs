//! Reads the files, checks them, fixes them if asked, and writes the report.

use std::path::{Path, PathBuf};

use ebbtide_check::render::{self, Look};
use ebbtide_check::{Baseline, Options, RULES, Report, Severity, check, fix, read_text};
use ebbtide_rehearse::words::chain;

use super::args::{CheckArgs, Level};
use super::config::{self, Config};
use super::fixes;
use super::format::Shown;
use super::input::{self, is_stdin};
use super::render as rendered;
use crate::exit::Ending;
use crate::output::{self, complain, nearest, say, write_all};

/// Runs `ebbtide check`.
pub(crate) fn run(args: CheckArgs) -> Ending {
    checked(args).unwrap_or_else(|ending| ending)
}

fn checked(mut args: CheckArgs) -> Result<Ending, Ending> {
    if args.paths.is_empty() && args.render.is_empty() {
        complain("no file or folder given", Some("`ebbtide check .` checks the current folder"));
        return Err(Ending::Usage);
    }
    let plans = input::plans(&args.plan).map_err(usage)?;
    let config = config()?;
    let or = |given: Vec<String>, configured: Option<Vec<String>>| {
        if given.is_empty() { configured.unwrap_or_default() } else { given }
    };
    let options = Options {
        select: or(std::mem::take(&mut args.select), config.select),
        ignore: or(std::mem::take(&mut args.ignore), config.ignore),
        path_ignores: config.path_ignores,
        plans,
        baseline: args.baseline.as_deref().map(read_baseline).transpose()?,
    };
    if let Some(unknown) = options.unknown().first() {
        let names = RULES.iter().flat_map(|rule| [rule.id, rule.name]);
        complain(&format!("unknown rule `{unknown}`"), Some(&nearest(unknown, names)));
        return Err(Ending::Usage);
    }
    if !RULES.iter().any(|rule| options.runs(rule)) {
        complain("no rule is left to run", Some("--ignore names every rule that --select names"));
        return Err(Ending::Usage);
    }
    if !args.values.is_empty() && rendered::ignores_values(&args.render) {
        complain("--values is for Helm charts, and --render names kustomizations only", None);
        return Err(Ending::Usage);
    }
    let prints_text = args.fix && args.paths.iter().any(|path| is_stdin(path));
    let given = std::mem::take(&mut args.format);
    let destinations = if args.diff {
        output::destinations_beside("the diff", given)
    } else if prints_text {
        output::destinations_beside("the changed text", given)
    } else {
        output::destinations(given)
    }?;
    let fail_on: Severity = args.fail_on.or(config.fail_on).unwrap_or(Level::Error).into();
    let look = Look {
        is_coloured: true,
        // What decides the exit code is shown.
        least: if args.info { Severity::Info } else { Severity::Warning.min(fail_on) },
        shows_suppressed: args.show_suppressed,
        ..Look::default()
    };
    let mut input = input::read(&args.paths).map_err(usage)?;
    rendered::add(&args.render, &args.values, &mut input.sources, &mut input.problems);
    let all: Vec<PathBuf> = args.paths.iter().chain(&args.render).cloned().collect();
    input::refuse_nothing(&input, &all).map_err(usage)?;
    let mut report = check(std::mem::take(&mut input.sources), &options);
    let mut is_written = true;
    if args.fix {
        let fixed = fix(report, &options, look.least);
        let unwritten = fixes::write(&fixed, &input, &args.paths);
        is_written = unwritten.is_empty();
        report = fixed.without(&unwritten, &options);
    }
    report.problems.append(&mut input.problems);
    report.problems.extend(input::note_nothing(&report, &all));
    let unused = input::note_patterns(&report, &args.paths, &options.path_ignores);
    report.problems.extend(unused);
    if let Some(file) = &args.write_baseline {
        let baseline = Baseline::of(&report);
        std::fs::write(file, baseline.text())
            .map_err(|error| usage(format!("cannot write {}: {error}", file.display())))?;
        baseline.apply(&mut report, &options);
    }
    if prints_text {
        say(&render::text(&report, look));
    }
    is_written &= write_all(&destinations, &Shown { report: &report, look });
    let ending = match ending(&report, fail_on) {
        _ if !is_written => Ending::Incomplete,
        ending => ending,
    };
    if args.diff {
        fixes::show(&fix(report, &options, look.least))
            .map_err(|error| usage(format!("cannot write to stdout: {error}")))?;
    }
    Ok(ending)
}

fn ending(report: &Report, fail_on: Severity) -> Ending {
    if report.is_incomplete() {
        Ending::Incomplete
    } else if report.fails_at(fail_on) {
        Ending::Failed
    } else {
        Ending::Passed
    }
}

fn usage(message: String) -> Ending {
    complain(&message, None);
    Ending::Usage
}

/// Returns the rules that the settings of a folder's project choose, for another command.
///
/// # Errors
///
/// Returns what is wrong with the settings, in one line.
pub(crate) fn project_options(folder: &Path) -> Result<Options, String> {
    let config = config::find(folder).map_err(|error| chain(&error))?;
    let (select, ignore) = (config.select.unwrap_or_default(), config.ignore.unwrap_or_default());
    Ok(Options { select, ignore, path_ignores: config.path_ignores, ..Options::default() })
}

fn config() -> Result<Config, Ending> {
    let folder = std::env::current_dir().map_err(|error| usage(format!("no current folder: {error}")))?;
    config::find(&folder).map_err(|error| {
        complain(&chain(&error), error.hint());
        Ending::Usage
    })
}

fn read_baseline(file: &Path) -> Result<Baseline, Ending> {
    let name = file.display();
    let text = read_text(file).map_err(|error| {
        complain(
            &format!("cannot read {name}: {error}"),
            Some("`--write-baseline FILE` records the findings"),
        );
        Ending::Usage
    })?;
    Baseline::parse(&name.to_string(), &text).map_err(|error| usage(chain(&error)))
}
