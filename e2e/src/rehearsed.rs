#![expect(clippy::panic, reason = "a rehearsal that cannot be read fails its test")]

use std::process::Command;

use serde_json::Value;

use crate::ebbtide_program;

/// What a rehearsal said.
#[derive(Debug)]
pub struct Rehearsed {
    /// The exit code.
    pub code: Option<i32>,
    /// What stood on standard output.
    pub json: Value,
}

/// Runs `ebbtide rehearse` with these arguments and returns its JSON.
///
/// # Panics
///
/// When it says no JSON.
pub fn rehearse(args: &[&str]) -> Rehearsed {
    rehearse_in(&[], args)
}

/// The same, with these environment variables beside our own.
///
/// # Panics
///
/// As [`rehearse`].
pub fn rehearse_in(environment: &[(&str, &str)], args: &[&str]) -> Rehearsed {
    let mut command = Command::new(ebbtide_program());
    command.arg("rehearse").args(["--format", "json", "--quiet"]).args(args);
    let output = command.envs(environment.iter().copied()).output();
    let output = output.unwrap_or_else(|error| panic!("the command does not start: {error}"));
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        panic!("{error}: {}\n{said}", String::from_utf8_lossy(&output.stdout))
    });
    Rehearsed { code: output.status.code(), json }
}

impl Rehearsed {
    /// Returns a count of `requests`.
    ///
    /// # Panics
    ///
    /// When there is none of that name.
    pub fn count(&self, name: &str) -> u64 {
        let count = &self.json["requests"][name];
        count.as_u64().unwrap_or_else(|| panic!("no requests.{name}: {:#}", self.json))
    }

    /// Returns the verdict and the evidence of a check.
    ///
    /// # Panics
    ///
    /// When there is none of that id.
    pub fn check(&self, id: &str) -> (&str, &str) {
        let mut checks = self.json["checks"].as_array().into_iter().flatten();
        let check = checks.find(|check| check["id"] == id);
        let check = check.unwrap_or_else(|| panic!("no check {id}: {:#}", self.json));
        (check["verdict"].as_str().unwrap_or_default(), check["evidence"].as_str().unwrap_or_default())
    }

    /// Returns the evidence of a check in each run, if it passed there.
    pub fn passed(&self, id: &str) -> Vec<&str> {
        let runs = self.json["runs"].as_array().into_iter().flatten();
        let checks = runs.filter_map(|run| run["checks"].as_array()).flatten();
        let passed = checks.filter(|check| check["id"] == id && check["verdict"] == "pass");
        passed.filter_map(|check| check["evidence"].as_str()).collect()
    }

    /// Returns the ids of the checks that failed.
    pub fn failed(&self) -> Vec<&str> {
        let checks = self.json["checks"].as_array().into_iter().flatten();
        checks.filter(|check| check["verdict"] == "fail").filter_map(|check| check["id"].as_str()).collect()
    }
}
