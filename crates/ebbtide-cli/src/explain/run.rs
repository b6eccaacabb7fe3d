//! Prints the text of a check or of a rule.

use std::io::{self, Write};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use ebbtide_check::{RULES, render};
use ebbtide_rehearse::CheckId;

use super::texts::text;
use crate::exit::Ending;
use crate::output;

/// Explain a check of `rehearse` or a rule of `check`: its meaning, likely causes and the usual remedies
///
/// Prints Markdown. For a check: what a failure means for users, which evidence shows which cause, and the usual remedy for nginx,
/// Go, Node and express, uvicorn, gunicorn, Spring Boot, Puma, .NET and PHP-FPM. For a rule: what it finds, why, and how to mend
/// it. The book has the same pages.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Name of a check, or id or name of a rule; without one, all are listed
    #[arg(value_name = "NAME", value_parser = names(), hide_possible_values = true, ignore_case = true)]
    name: Option<String>,
}

/// Runs `ebbtide explain`.
pub(crate) fn run(args: &ExplainArgs) -> Ending {
    let explained = args.name.as_deref().map_or_else(list, page);
    match anstream::stdout().write_all(explained.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            output::complain(&format!("cannot write to stdout: {error}"), None);
            Ending::NotRehearsed
        }
        _ => Ending::Passed,
    }
}

/// Returns the page of what `name` names: one of [`names`].
fn page(name: &str) -> String {
    let check = CheckId::ALL.into_iter().find(|check| check.name().eq_ignore_ascii_case(name));
    check.map_or_else(
        || ebbtide_check::find(name).map(render::page).unwrap_or_default(),
        |check| text(check).to_owned(),
    )
}

fn list() -> String {
    let checks = CheckId::ALL.into_iter().map(|check| format!("  {check}\n"));
    let rules = RULES.iter().map(|rule| {
        format!("  {}  {:<26}  {:<7}  {}\n", rule.id, rule.name, rule.severity.to_string(), rule.summary)
    });
    let heading = |title: &str| [format!("{title}:\n")].into_iter();
    heading("Checks of `ebbtide rehearse`")
        .chain(checks)
        .chain(heading("\nRules of `ebbtide check`"))
        .chain(rules)
        .collect()
}

fn names() -> PossibleValuesParser {
    let checks = CheckId::ALL.into_iter().map(|check| PossibleValue::new(check.name()));
    let rules = RULES.iter().map(|rule| PossibleValue::new(rule.id).alias(rule.name));
    PossibleValuesParser::new(checks.chain(rules))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_list_has_a_page() {
        let named: Vec<String> = list()
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next().map(str::to_owned))
            .collect();
        assert_eq!(named.len(), CheckId::ALL.len() + RULES.len());
        for name in named {
            assert!(page(&name).starts_with("# "), "{name}");
        }
    }
}
