use super::{compose, kamal};
use crate::input::{Source, SourceId};
use crate::tree::{Parsed, is_lenient_json, parse_hcl, parse_json, parse_toml, parse_yaml};

/// Words that YAML of a deployment has: Kubernetes, Compose, Render and Kamal, CloudFormation, task definitions, Container Apps.
const YAML_MARKS: [&str; 9] = [
    "apiVersion",
    "services:",
    "servers:",
    "AWSTemplateFormatVersion",
    "Resources:",
    "AWS::",
    "containerDefinitions",
    "Microsoft.App",
    "kustomize",
];

/// Words that JSON of a deployment has.
const JSON_MARKS: [&str; 7] = [
    "Microsoft.App/containerApps",
    "apiVersion",
    "containerDefinitions",
    "AWSTemplateFormatVersion",
    "\"Resources\"",
    "\"TaskGroups\"",
    "\"planned_values\"",
];

/// Words that HCL of a deployment has.
const HCL_MARKS: [&str; 5] = [
    "job \"",
    "resource \"aws_ecs",
    "resource \"aws_lb",
    "resource \"kubernetes_",
    "resource \"google_cloud_run",
];

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    Yaml,
    Json,
    Hcl,
    Toml,
}

/// Returns the syntax of a source: by its ending, else by its first line.
pub(super) fn of(source: &Source) -> Syntax {
    let name = source.name().to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&[".json"]) {
        Syntax::Json
    } else if ends(&[".tf", ".tofu", ".tfvars", ".hcl", ".nomad"]) {
        Syntax::Hcl
    } else if ends(&[".toml"]) {
        Syntax::Toml
    } else if ends(&[".yaml", ".yml"]) {
        Syntax::Yaml
    } else {
        of_first_line(source.text())
    }
}

fn of_first_line(text: &str) -> Syntax {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.find(|line| !line.starts_with(['#', '/'])).unwrap_or_default();
    let is_block = first.ends_with('{')
        && ["job \"", "resource \"", "terraform ", "provider \"", "variable \"", "locals ", "client "]
            .iter()
            .any(|begin| first.starts_with(begin));
    let is_table = first.strip_prefix("app").is_some_and(|rest| rest.trim_start().starts_with('='));
    match (is_block, is_table) {
        (true, _) => Syntax::Hcl,
        (_, true) => Syntax::Toml,
        _ => Syntax::Yaml,
    }
}

impl Syntax {
    pub(super) fn parse(self, id: SourceId, text: &str) -> Parsed {
        match self {
            Self::Yaml => parse_yaml(id, &kamal::masked(text)),
            Self::Json => parse_json(id, text),
            Self::Hcl => parse_hcl(id, text),
            Self::Toml => parse_toml(id, text),
        }
    }

    /// Returns whether a file that cannot be parsed is missed. Folders have files of many other programs that are none of a deployment.
    pub(super) fn is_meant(self, source: &Source) -> bool {
        let has = |marks: &[&str]| marks.iter().any(|mark| source.text().contains(mark));
        match self {
            Self::Yaml => {
                has(&YAML_MARKS) || compose::is_base(source.name()) || compose::is_override(source.name())
            }
            Self::Json => has(&JSON_MARKS),
            // Values that cannot be read are missing in the resources.
            Self::Hcl => has(&HCL_MARKS) || source.name().ends_with(".tfvars"),
            Self::Toml => has(&["kill_timeout", "http_service", "primary_region"]),
        }
    }

    /// Returns whether a text is one for programs that read more than JSON, as editors and compilers do, and for no deployment.
    pub(super) fn is_of_editor(self, source: &Source) -> bool {
        self == Self::Json && !self.is_meant(source) && is_lenient_json(source.text())
    }

    /// Returns whether a text has the marks of Go templates, Jinja or Ruby's ERB, which Helm, Ansible and Kamal use. Those of HCL are Levant's, since jobs
    /// have templates of Consul in strings.
    pub(super) fn is_template(self, text: &str) -> bool {
        let has = |open: &str, close: &str| text.contains(open) && text.contains(close);
        match self {
            Self::Hcl => has("[[", "]]"),
            _ => has("{{", "}}") || has("{%", "%}") || has("<%", "%>"),
        }
    }
}
