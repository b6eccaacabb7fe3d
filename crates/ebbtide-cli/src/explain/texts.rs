//! The texts, a Markdown file for each check.

use ebbtide_rehearse::CheckId;

/// Returns the text of a check.
pub(super) fn text(check: CheckId) -> &'static str {
    match check {
        CheckId::SignalHandled => include_str!("checks/signal-handled.md"),
        CheckId::RequestsAnswered => include_str!("checks/requests-answered.md"),
        CheckId::RoutesServed => include_str!("checks/routes-served.md"),
        CheckId::PhasesServed => include_str!("checks/phases-served.md"),
        CheckId::ReadinessBeforeClose => include_str!("checks/readiness-before-close.md"),
        CheckId::LivenessStaysGreen => include_str!("checks/liveness-stays-green.md"),
        CheckId::RefusalsClean => include_str!("checks/refusals-clean.md"),
        CheckId::LameDuckServed => include_str!("checks/lame-duck-served.md"),
        CheckId::SecondSignal => include_str!("checks/second-signal.md"),
        CheckId::ExitInTime => include_str!("checks/exit-in-time.md"),
        CheckId::ExitCode => include_str!("checks/exit-code.md"),
        CheckId::NoKill => include_str!("checks/no-kill.md"),
        CheckId::NoOrphans => include_str!("checks/no-orphans.md"),
        CheckId::NoLeakedConnections => include_str!("checks/no-leaked-connections.md"),
        CheckId::DatabaseClean => include_str!("checks/database-clean.md"),
        CheckId::DependenciesClosed => include_str!("checks/dependencies-closed.md"),
        CheckId::OrdersProcessed => include_str!("checks/orders-processed.md"),
        CheckId::JobsReturned => include_str!("checks/jobs-returned.md"),
        CheckId::LastLogLine => include_str!("checks/last-log-line.md"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The servers for which each check of any service has a remedy.
    const SERVERS: [&str; 9] =
        ["nginx", "Go", "Node, express", "uvicorn", "gunicorn", "Spring Boot", "Puma", ".NET", "PHP-FPM"];

    /// Checks of the demo's stores.
    const DEMO: [CheckId; 3] = [CheckId::OrdersProcessed, CheckId::JobsReturned, CheckId::LastLogLine];

    #[test]
    fn each_check_has_a_text_with_meaning_causes_and_remedies() {
        for check in CheckId::ALL {
            let text = text(check);
            assert_eq!(text.lines().next(), Some(&*format!("# {check}")));
            for heading in ["## What it means for users", "## Likely causes", "## Remedies"] {
                let after = text.split_once(heading).map(|(_, after)| after);
                let section = after.and_then(|after| after.split("\n## ").next()).unwrap_or_default();
                assert!(section.trim().len() > 100, "{check}: {heading}");
            }
            assert!(text.contains("| evidence | cause |") || check == CheckId::PhasesServed, "{check}");
            for server in SERVERS {
                assert!(
                    DEMO.contains(&check) || text.contains(&format!("\n| {server} | ")),
                    "{check}: {server}"
                );
            }
        }
    }

    /// The evidence in the table of `check`: what is within backticks in its first column. `…` stands for anything.
    fn evidence(check: CheckId) -> Vec<String> {
        let rows = text(check).lines().filter(|line| line.starts_with("| "));
        let cells = rows.filter_map(|line| line.split(" | ").next());
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
    }

    #[test]
    fn each_loss_that_a_verdict_can_name_is_explained() {
        let known = evidence(CheckId::RequestsAnswered);
        let losses = ebbtide_rehearse::samples::losses();
        assert!(losses.len() >= 30, "{losses:?}");
        for loss in &losses {
            let explains = |evidence: &String| match evidence.strip_suffix('…') {
                Some(begin) => loss.starts_with(begin),
                None => evidence == loss,
            };
            assert!(known.iter().any(explains), "`ebbtide explain requests-answered` lacks: {loss}");
        }
        // Nothing is explained that no verdict says. A list of statuses names some of them.
        for evidence in known.iter().filter(|evidence| evidence.contains(' ')) {
            let begin = evidence.trim_end_matches('…');
            let is_example = evidence.starts_with("status ") || evidence.starts_with("gRPC status ");
            assert!(
                is_example || losses.iter().any(|loss| loss.starts_with(begin)),
                "no verdict says: {evidence}"
            );
        }
    }

    #[test]
    fn a_text_names_other_checks_that_exist() {
        for check in CheckId::ALL {
            for named in text(check).split("ebbtide explain ").skip(1) {
                let named = named.split('`').next().unwrap_or_default();
                assert!(CheckId::ALL.iter().any(|known| known.name() == named), "{check}: {named}");
            }
        }
    }
}
