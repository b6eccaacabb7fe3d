//! What a comparison does with its figures, and the exit codes that its binary documents.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

/// The figures of a whole run.
pub trait Findings {
    /// Prints them for a person.
    ///
    /// # Errors
    ///
    /// When `out` takes no more.
    fn print(&self, out: &mut dyn Write) -> io::Result<()>;

    /// Returns them for a program.
    fn to_json(&self) -> Value;

    /// Returns whether every bar is met.
    fn are_met(&self) -> bool;
}

/// Prints what was found, writes it to `json`, and returns 0; with `check` 1 when a bar is missed; 3 when the figures
/// could not be taken or written.
pub fn conclude(found: io::Result<impl Findings>, json: Option<&Path>, check: bool) -> ExitCode {
    match found.and_then(|findings| tell(&findings, json)) {
        Ok(false) if check => ExitCode::from(1),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is gone, the exit code has to do.
            let _told = writeln!(io::stderr(), "error: failed to take or write the figures: {error}");
            ExitCode::from(3)
        }
    }
}

fn tell(findings: &impl Findings, json: Option<&Path>) -> io::Result<bool> {
    findings.print(&mut io::stdout().lock())?;
    if let Some(file) = json {
        std::fs::write(file, format!("{:#}\n", findings.to_json()))?;
    }
    Ok(findings.are_met())
}
