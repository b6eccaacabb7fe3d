//! Compares a verdict with the expected one.

use serde_json::Value;

use super::entry::{Expected, Load};

/// Under a storm chance decides whether this check fails beside `requests-answered`.
const BY_CHANCE: &str = "refusals-clean";

/// What a rehearsal reported.
#[derive(Debug)]
pub(super) struct Reported {
    pub(super) exit_code: Option<i32>,
    /// The verdict as JSON; null if the service could not be rehearsed.
    pub(super) verdict: Value,
}

impl Reported {
    /// Returns each difference from `expected` in a line.
    pub(super) fn differences(&self, expected: &Expected, load: Load) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, expected: String, seen: String| {
            if expected != seen {
                differences.push(format!("{what}: {seen}, expected {expected}"));
            }
        };
        let code = self.exit_code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        compare("exit code", expected.verdict.exit_code().to_string(), code);
        let mut failed = self.failed();
        failed.retain(|id| load != Load::Storm || id != BY_CHANCE);
        compare("failed checks", list(&expected.fails), list(&failed));
        compare("lost", word(expected.lost), word(self.lost() > 0));
        let phases = expected.phases.join(", ");
        compare(
            "phases not served",
            if phases.is_empty() { "none".to_owned() } else { phases },
            self.phases(),
        );
        differences
    }

    /// Returns the identifiers of the failed checks.
    pub(super) fn failed(&self) -> Vec<String> {
        let failed = self.checks().filter(|check| check["verdict"] == "fail");
        failed.filter_map(|check| Some(check["id"].as_str()?.to_owned())).collect()
    }

    /// Returns the evidence and the hint of each check that did not pass or is skipped, for a reader who looks for the cause.
    pub(super) fn evidence(&self) -> Vec<String> {
        let told = self.checks().filter(|check| check["verdict"] != "skipped" || check["hint"].is_string());
        told.map(|check| {
            let text = |field: &str| check[field].as_str().unwrap_or_default().replace('\n', "; ");
            let hint =
                if check["hint"].is_string() { format!(" (hint: {})", text("hint")) } else { String::new() };
            format!("{} {}: {}{hint}", text("verdict"), text("id"), text("evidence"))
        })
        .collect()
    }

    /// The number of requests that the shutdown lost, truncated or answered wrongly.
    pub(super) fn lost(&self) -> u64 {
        self.verdict["lost_by_shutdown"].as_u64().unwrap_or_default()
    }

    fn checks(&self) -> impl Iterator<Item = &Value> {
        self.verdict["checks"].as_array().into_iter().flatten()
    }

    /// The phases that were not served, in the order and words of the evidence.
    fn phases(&self) -> String {
        let check = self.checks().find(|check| check["id"] == "phases-served" && check["verdict"] == "fail");
        let evidence = check.and_then(|check| check["evidence"].as_str()).unwrap_or_default();
        evidence.rsplit_once(": ").map_or_else(|| "none".to_owned(), |(_, phases)| phases.to_owned())
    }
}

fn list(words: &[String]) -> String {
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.sort_unstable();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn word(lost: bool) -> String {
    if lost { "some" } else { "none" }.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::zoo::entry::Verdict;

    fn expected() -> Expected {
        let (fails, phases) = (
            vec!["phases-served".to_owned(), "requests-answered".to_owned()],
            vec!["half a body sent".to_owned()],
        );
        Expected { verdict: Verdict::Fail, fails, lost: true, phases }
    }

    fn reported(exit_code: i32, failed: &[&str], lost: u64) -> Reported {
        let evidence = "not served, of 9 held at the signal: half a body sent";
        let checks = ["requests-answered", "phases-served", "exit-code"].map(|id| {
            let verdict = if failed.contains(&id) { "fail" } else { "pass" };
            json!({ "id": id, "verdict": verdict, "evidence": evidence })
        });
        Reported {
            exit_code: Some(exit_code),
            verdict: json!({ "checks": checks, "lost_by_shutdown": lost }),
        }
    }

    #[test]
    fn the_expected_verdict_has_no_difference() {
        let reported = reported(1, &["requests-answered", "phases-served"], 3);
        assert_eq!(reported.differences(&expected(), Load::Phases), Vec::<String>::new());
    }

    #[test]
    fn each_other_verdict_is_a_difference() {
        let all = ["requests-answered", "phases-served", "exit-code"];
        for (exit_code, failed, lost, difference) in [
            (4, &all[..2], 3, "exit code: 4, expected 1"),
            (
                1,
                &all[..],
                3,
                "failed checks: exit-code, phases-served, requests-answered, expected phases-served, requests-answered",
            ),
            (1, &all[..2], 0, "lost: none, expected some"),
        ] {
            assert_eq!(
                reported(exit_code, failed, lost).differences(&expected(), Load::Phases),
                [difference]
            );
        }
        let missed = reported(1, &all[..1], 3).differences(&expected(), Load::Phases);
        assert_eq!(
            missed.last().map(String::as_str),
            Some("phases not served: none, expected half a body sent")
        );
    }

    #[test]
    fn a_service_that_could_not_be_rehearsed_is_a_difference() {
        let reported = Reported { exit_code: Some(3), verdict: Value::Null };
        assert_eq!(
            reported.differences(&expected(), Load::Phases).first().map(String::as_str),
            Some("exit code: 3, expected 1")
        );
    }
}
