use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use super::bars::{Bar, bars};
use super::options::Options;
use super::report::Report;
use super::{operations, waking};

/// Measures, prints the table, and returns the exit code that the binary documents.
pub fn run(options: &Options) -> ExitCode {
    match measure_and_tell(options) {
        Ok(report) if options.check && !report.bars.iter().all(Bar::is_met) => ExitCode::from(1),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is gone, the exit code has to do.
            let _told = writeln!(io::stderr(), "error: failed to take or write the figures: {error}");
            ExitCode::from(3)
        }
    }
}

fn measure_and_tell(options: &Options) -> io::Result<Report> {
    let costs = operations::measure(options);
    let waking = if options.wake == 0 { Vec::new() } else { waking::measure(options)? };
    let report = Report { bars: bars(&costs), costs, waking, woken: options.wake };
    report.print(&mut io::stdout().lock())?;
    if let Some(file) = &options.json {
        fs::write(file, format!("{:#}\n", report.to_json()))?;
    }
    Ok(report)
}
