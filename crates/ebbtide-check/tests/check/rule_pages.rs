//! The book has a generated page for each rule. `cargo xtask generate` writes them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use ebbtide_check::{RULES, render};

const BOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/book/src");
const NOTE: &str = "<!-- Written by `cargo xtask generate` from the rule's own text. Do not edit. -->\n\n";

/// The line of the summary that the list of rules follows.
const CHAPTER: &str = "- [The rules of `check`](rules/index.md)\n";

#[test]
fn the_book_has_the_page_of_each_rule() {
    let pages = RULES.iter().map(|rule| (format!("{}.md", rule.id), format!("{NOTE}{}", render::page(rule))));
    let pages: Vec<(String, String)> = pages.chain([("index.md".to_owned(), index())]).collect();
    let folder = Path::new(BOOK).join("rules");
    let generates = env::var_os("EBBTIDE_GENERATE").is_some();
    if generates {
        fs::create_dir_all(&folder).unwrap();
    }
    for (name, page) in &pages {
        same(&folder.join(name), page, generates);
    }
    let summary = Path::new(BOOK).join("SUMMARY.md");
    same(&summary, &with_rules(&fs::read_to_string(&summary).unwrap()), generates);
    let present =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let expected: BTreeSet<String> = pages.into_iter().map(|(name, _)| name).collect();
    assert_eq!(present.collect::<BTreeSet<_>>(), expected, "a page of a rule that does not exist");
}

fn same(file: &PathBuf, text: &str, generates: bool) {
    if generates {
        fs::write(file, text).unwrap();
    }
    let present = fs::read_to_string(file).unwrap_or_default();
    assert!(present == text, "{} is stale: run `cargo xtask generate`", file.display());
}

fn index() -> String {
    let mut page = format!(
        "{NOTE}# The rules of `check`\n\n| id | name | severity | what is wrong |\n|---|---|---|---|\n"
    );
    for rule in RULES {
        let (id, name) = (rule.id, rule.name);
        page.push_str(&format!("| [{id}]({id}.md) | {name} | {} | {} |\n", rule.severity, rule.summary));
    }
    page + WITHOUT_RULE
}

/// What a reader may look for in the list.
const WITHOUT_RULE: &str = "
## What has no rule

- K027, a lame duck that is shorter than `periodSeconds * failureThreshold` of the readiness probe. When a pod is deleted, its endpoint is not ready from that moment on, whatever its
  probe says: Services, Ingresses and Gateways stop sending to it without waiting for the probe, and the lame duck is too short only if it is shorter than the time that
  they take ([K006](K006.md)). What asks the probe itself, such as a load balancer with a health check of its own, is not in the manifests, apart from that of
  `externalTrafficPolicy: Local` ([K026](K026.md)). A program that fails its probe at the signal and waits for as long as the probe needs is not wrong either: it only waits
  longer.
- X002, the drain time that flags and variables of known servers declare, is no finding of its own: it is the drain of the rules about budgets, from K001 to S001.
";

/// Returns the summary with the list of the rules as they are now.
fn with_rules(summary: &str) -> String {
    let (before, after) =
        summary.split_once(CHAPTER).unwrap_or_else(|| panic!("SUMMARY.md has no line {CHAPTER}"));
    let rest = after.lines().skip_while(|line| line.starts_with("  - [")).map(|line| format!("{line}\n"));
    let rules = RULES.iter().map(|rule| format!("  - [{} {}](rules/{}.md)\n", rule.id, rule.name, rule.id));
    [before.to_owned(), CHAPTER.to_owned()].into_iter().chain(rules).chain(rest).collect()
}
