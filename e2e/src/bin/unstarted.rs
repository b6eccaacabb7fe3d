//! A program that goes on without its lifecycle: its argument says whether that was `dropped`, `refused`, `printed` or `over`.
#![expect(clippy::print_stderr, reason = "bare lines are what it is for")]

use std::thread;
use std::time::Duration;

use ebbtide::Lifecycle;

fn main() {
    let lifecycle = Lifecycle::new("unstarted");
    match std::env::args().nth(1).as_deref() {
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
}
