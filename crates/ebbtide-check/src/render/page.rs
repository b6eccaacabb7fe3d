use std::fmt::Write as _;

use super::{Look, text};
use crate::engine::{Options, check};
use crate::findings::{Example, Rule, Severity};
use crate::input::Sources;

/// Returns the page of a rule in Markdown: what it finds, an example with the output of this check, and the corrected example.
pub fn page(rule: &Rule) -> String {
    let mut page = format!("# {} {}\n\n{}.\n\n", rule.id, rule.name, rule.summary);
    let _ = writeln!(page, "Highest severity: {}.\n\n{}\n", rule.severity, rule.details.trim());
    page.push_str("## Example\n\n");
    files(&mut page, rule.bad);
    let (arguments, printed) = output(rule, rule.bad);
    let _ = write!(page, "`ebbtide check {arguments}` prints:\n\n```text\n{printed}```\n\n");
    page.push_str("## Corrected\n\n");
    files(&mut page, rule.good);
    page.push_str("## Sources\n\n");
    for source in rule.sources {
        let _ = writeln!(page, "- {source}");
    }
    let _ = write!(
        page,
        "\n## Suppress it\n\nA comment at the line of the finding or above it, with a reason: `# ebbtide:ignore {} reason`.\n",
        rule.id
    );
    if rule.id.starts_with('K') {
        let _ = writeln!(
            page,
            "On a Kubernetes object also an annotation: `ignore.ebbtide.dev/{}: reason`.",
            rule.id
        );
    }
    page
}

fn files(page: &mut String, examples: &[Example]) {
    for example in examples {
        if examples.len() > 1 {
            let _ = writeln!(page, "`{}`:\n", example.name);
        }
        let _ = write!(page, "```{}\n{}\n```\n\n", language(example.name), example.text.trim_end());
    }
}

/// Returns the arguments for files with these names, and what the command prints.
fn output(rule: &Rule, examples: &[Example]) -> (String, String) {
    let mut sources = Sources::new();
    for example in examples {
        sources.add(example.name, example.text);
    }
    let options = Options { select: vec![rule.id.to_owned()], ..Options::default() };
    let report = check(sources, &options);
    let info = if report.counts().infos > 0 { "--info " } else { "" };
    let names: Vec<&str> = examples.iter().map(|example| example.name).collect();
    let arguments = format!("{info}--select {} {}", rule.id, names.join(" "));
    (arguments, text(&report, Look { least: Severity::Info, ..Look::default() }))
}

fn language(name: &str) -> &str {
    let ending = name.rsplit('.').next().unwrap_or(name);
    match ending {
        "yml" | "yaml" => "yaml",
        "json" => "json",
        "service" | "conf" | "container" | "kube" => "ini",
        _ if name.starts_with("Dockerfile") || name.starts_with("Containerfile") => "dockerfile",
        _ => "text",
    }
}
