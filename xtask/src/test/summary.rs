use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::shell::say;

/// The counts of passed, failed and skipped tests, and the time of each test program.
#[derive(Debug, Default)]
pub(super) struct Summary {
    passed: u64,
    failed: u64,
    skipped: u64,
    programs: BTreeMap<String, Program>,
}

#[derive(Debug, Default)]
struct Program {
    tests: u32,
    /// The sum over its tests, which run in parallel.
    seconds: f64,
}

impl Summary {
    /// Reads a line of cargo-nextest's output: the end of a test, or the totals.
    pub(super) fn read_nextest(&mut self, line: &str) {
        let line = line.trim_start();
        if let Some(("Summary", rest)) = line.split_once(" [") {
            self.add(rest.split_once("] ").map_or("", |(_, counts)| counts));
        } else if let Some((program, seconds)) = finished(line) {
            let program = self.programs.entry(program.to_owned()).or_default();
            program.tests += 1;
            program.seconds += seconds;
        }
    }

    /// Reads a line of the standard test harness, which runs the doc tests and the models.
    pub(super) fn read_libtest(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count_before(counts, " passed");
            self.failed += count_before(counts, " failed");
            self.skipped += count_before(counts, " ignored");
        }
    }

    /// Adds the counts of the models.
    pub(super) fn take(&mut self, models: Self) {
        self.passed += models.passed;
        self.failed += models.failed;
        self.skipped += models.skipped;
    }

    pub(super) const fn passed(&self) -> u64 {
        self.passed
    }

    /// Prints the time of each test program, the longest first, and the totals.
    pub(super) fn print(&self) {
        let mut programs: Vec<(&String, &Program)> = self.programs.iter().collect();
        programs.sort_by(|(_, one), (_, other)| other.seconds.total_cmp(&one.seconds));
        say("\n==> seconds per test program (sum over its tests, which run in parallel)");
        for (name, Program { tests, seconds }) in programs {
            say(&format!("{seconds:>8.1} {name} ({tests} tests)"));
        }
        let Self { passed, failed, skipped, .. } = self;
        say(&format!("tests: {passed} passed, {failed} failed, {skipped} skipped"));
    }

    /// Returns success when at least one test ran and none failed.
    pub(super) fn judge(&self) -> Result<(), Failure> {
        match (self.passed, self.failed) {
            (0, _) => Err(Failure::Steps("no test ran".to_owned())),
            (_, 0) => Ok(()),
            (_, failed) => Err(Failure::Steps(format!("{failed} tests"))),
        }
    }

    /// Adds `989 tests run: 980 passed (3 slow), 8 failed, 1 timed out, 2 skipped`. What ran and did not pass failed.
    fn add(&mut self, counts: &str) {
        let passed = count_before(counts, " passed");
        let ran = counts.split(['/', ' ']).next().and_then(|count| count.parse().ok()).unwrap_or(passed);
        self.passed += passed;
        self.failed += ran.saturating_sub(passed);
        self.skipped += count_before(counts, " skipped");
    }
}

/// Returns the program and the seconds of `PASS [   0.012s] (  1/989) ebbtide::core stop::name`, or of another end of a test.
fn finished(line: &str) -> Option<(&str, f64)> {
    const ENDS: [&str; 5] = ["PASS", "FAIL", "TIMEOUT", "ABORT", "LEAK"];
    let (status, rest) = line.split_once(" [")?;
    let is_end = ENDS.contains(&status) || status.starts_with("SIG");
    let (seconds, rest) = rest.split_once("s] ")?;
    let name = rest.split_once(") ").map_or(rest, |(_, name)| name);
    let program = name.split_once(' ').map_or(name, |(program, _)| program);
    seconds.trim().parse().ok().filter(|_| is_end).map(|seconds| (program, seconds))
}

fn count_before(line: &str, word: &str) -> u64 {
    let before = line.split_once(word).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREEN: &str =
        "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s";
    const RED: &str =
        "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";

    fn counts(summary: &Summary) -> (u64, u64, u64) {
        (summary.passed, summary.failed, summary.skipped)
    }

    #[test]
    fn the_totals_are_those_of_the_summary_lines() {
        let mut summary = Summary::default();
        for line in ["running 13 tests", GREEN, "test stop::ends ... ok", RED] {
            summary.read_libtest(line);
        }
        assert_eq!(counts(&summary), (15, 2, 1));
    }

    #[test]
    fn nextest_tests_that_ran_and_did_not_pass_count_as_failed() {
        let mut summary = Summary::default();
        summary.read_nextest(
            "     Summary [  12.345s] 20 tests run: 17 passed (3 slow), 2 failed, 1 timed out, 4 skipped",
        );
        assert_eq!(counts(&summary), (17, 3, 4));
        summary.read_nextest("     Summary [   1.000s] 5/20 tests run: 5 passed, 0 skipped");
        assert_eq!(counts(&summary), (22, 3, 4));
    }

    #[test]
    fn each_program_has_the_time_of_its_tests() {
        let mut summary = Summary::default();
        for line in [
            "        PASS [   0.500s] (  1/989) ebbtide::core stop::ends",
            "        FAIL [   1.500s] (  2/989) ebbtide::core stop::begins",
            "     SIGABRT [   1.000s] (  3/989) ebbtide-tests::http bodies::whole",
            "        SLOW [> 60.000s] ─────── ebbtide::core stop::hangs",
            "       START             ebbtide::core stop::waits",
        ] {
            summary.read_nextest(line);
        }
        let programs: Vec<(&str, u32, f64)> = summary
            .programs
            .iter()
            .map(|(name, program)| (name.as_str(), program.tests, program.seconds))
            .collect();
        assert_eq!(programs, [("ebbtide-tests::http", 1, 1.0), ("ebbtide::core", 2, 2.0)]);
    }

    #[test]
    fn no_tests_or_a_failed_test_is_a_failure() {
        let mut summary = Summary::default();
        assert!(summary.judge().is_err());
        summary.read_libtest(GREEN);
        assert!(summary.judge().is_ok());
        summary.read_libtest(RED);
        assert!(summary.judge().is_err());
    }
}
