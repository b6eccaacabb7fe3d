//! A program that goes on without its lifecycle: its argument says whether that was `dropped`, `refused`, `printed` or `over`.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use ebbtide::Lifecycle;

use crate::setup::Arguments;

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
    let lifecycle = Lifecycle::new("unstarted");
    match arguments.next().as_deref() {
        Some("dropped") => drop(lifecycle),
        Some("over") => {
            let report = lifecycle.run_to_report(async |life| {
                life.stop("that is all");
                Ok(())
            });
            eprintln!("{}", report.is_ok());
        }
        _ => eprintln!("{}", lifecycle.run_to_report(async |_| Ok(())).is_err()),
    }
    eprintln!("goes on");
    thread::sleep(Duration::MAX);
    ExitCode::SUCCESS
}
