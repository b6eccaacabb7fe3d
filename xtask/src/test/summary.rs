use crate::failure::Failure;
use crate::shell::say;

/// The closing lines of every test program that ran, and their sums.
#[derive(Debug, Default)]
pub(super) struct Summary {
    results: Vec<String>,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Summary {
    /// Takes note of a line of output when it closes a test program.
    pub(super) fn see(&mut self, line: &str) {
        if !line.starts_with("test result: ") {
            return;
        }
        self.passed += count_before(line, " passed");
        self.failed += count_before(line, " failed");
        self.ignored += count_before(line, " ignored");
        self.results.push(line.to_owned());
    }

    pub(super) const fn passed(&self) -> u64 {
        self.passed
    }

    /// Prints the closing lines that had something to say, and the sum.
    pub(super) fn print(&self) {
        say("\n==> all test programs");
        for result in self.results.iter().filter(|result| !result.contains(" 0 passed; 0 failed; 0 ignored"))
        {
            say(result);
        }
        let Self { passed, failed, ignored, results } = self;
        say(&format!(
            "tests: {passed} passed; {failed} failed; {ignored} ignored; in {} programs",
            results.len()
        ));
    }

    /// Passes the run's own outcome on, unless it is success over nothing or over failures.
    pub(super) fn judge(&self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        outcome?;
        match (self.passed, self.failed) {
            (0, _) => Err(Failure::Steps("no test ran".to_owned())),
            (_, 0) => Ok(()),
            (_, failed) => Err(Failure::Steps(format!("{failed} tests"))),
        }
    }
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

    #[test]
    fn the_sums_are_those_of_the_closing_lines() {
        let mut summary = Summary::default();
        for line in ["running 13 tests", GREEN, "test stop::ends ... ok", RED] {
            summary.see(line);
        }
        assert_eq!((summary.passed, summary.failed, summary.ignored, summary.results.len()), (15, 2, 1, 2));
    }

    #[test]
    fn success_over_nothing_or_over_failures_is_no_success() {
        let mut summary = Summary::default();
        assert!(summary.judge(Ok(())).is_err());
        summary.see(GREEN);
        assert!(summary.judge(Ok(())).is_ok());
        assert!(summary.judge(Err(Failure::Steps("models".to_owned()))).is_err());
        summary.see(RED);
        assert!(summary.judge(Ok(())).is_err());
    }
}
