//! Prints the text of a check or of a rule.

use std::ffi::OsStr;
use std::io::{self, Write};

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args, Command};
use ebbtide_check::{RULES, Rule, render};
use ebbtide_rehearse::CheckId;

use super::texts::text;
use crate::exit::Ending;
use crate::output;

/// Explain a check of `rehearse` or a rule of `check`: its meaning, likely causes and the usual remedies
///
/// Prints Markdown. For a check: what a failure means for users, which evidence shows which cause, and the usual remedy for nginx,
/// Go, Node and express, uvicorn, gunicorn, Spring Boot, Puma, .NET and PHP-FPM. For a rule: what it finds, why, and how to mend
/// it. A name of two rules shows both. The book has the same pages.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Name of a check, or id or name of a rule; without one, all are listed
    #[arg(value_name = "NAME", value_parser = Names, hide_possible_values = true)]
    name: Option<String>,
}

/// Runs `ebbtide explain`.
pub(crate) fn run(args: &ExplainArgs) -> Ending {
    let explained = match args.name.as_deref() {
        None => list(),
        Some(name) => match page(name) {
            Some(page) => page,
            None => {
                let hint = output::nearest(name, names());
                output::complain(&format!("no check and no rule is called `{name}`"), Some(&hint));
                return Ending::Usage;
            }
        },
    };
    match anstream::stdout().write_all(explained.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            output::complain(&format!("cannot write to stdout: {error}"), None);
            Ending::Usage
        }
        _ => Ending::Passed,
    }
}

/// Returns the page of a check, or those of the rules with this id or name.
fn page(name: &str) -> Option<String> {
    let check = CheckId::ALL.into_iter().find(|check| check.name().eq_ignore_ascii_case(name));
    // Two platforms may have a rule of the same name.
    let is_meant = |rule: &&&Rule| rule.id.eq_ignore_ascii_case(name) || rule.name.eq_ignore_ascii_case(name);
    let rules = || {
        let pages: Vec<String> = RULES.iter().filter(is_meant).map(|rule| render::page(rule)).collect();
        (!pages.is_empty()).then(|| pages.join("\n"))
    };
    check.map(|check| text(check).to_owned()).or_else(rules)
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

fn names() -> impl Iterator<Item = &'static str> {
    let checks = CheckId::ALL.into_iter().map(CheckId::name);
    checks.chain(RULES.iter().flat_map(|rule| [rule.id, rule.name]))
}

/// Takes any word, so that [`run`] can say which names resemble it. Completions suggest the names of checks and the ids of rules.
#[derive(Clone)]
struct Names;

impl TypedValueParser for Names {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let checks = CheckId::ALL.into_iter().map(|check| PossibleValue::new(check.name()));
        Some(Box::new(checks.chain(RULES.iter().map(|rule| PossibleValue::new(rule.id)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_two_rules_shows_both() {
        for (name, ids) in
            [("pid1-shell", ["# E013 ", "# K009 "]), ("progress-deadline", ["# K017 ", "# N003 "])]
        {
            let page = page(name).unwrap();
            assert!(ids.iter().all(|id| page.contains(id)), "{page}");
        }
        for rule in RULES {
            let by_name = page(rule.name).unwrap();
            assert!(by_name.contains(&format!("# {} {}\n", rule.id, rule.name)), "{}", rule.id);
            assert_eq!(page(rule.id).unwrap().matches("\n## Suppress it\n").count(), 1, "{}", rule.id);
        }
    }

    #[test]
    fn every_name_in_the_list_has_a_page() {
        let named: Vec<String> = list()
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next().map(str::to_owned))
            .collect();
        assert_eq!(named.len(), CheckId::ALL.len() + RULES.len());
        for name in named {
            assert!(page(&name).is_some_and(|page| page.starts_with("# ")), "{name}");
        }
    }
}
