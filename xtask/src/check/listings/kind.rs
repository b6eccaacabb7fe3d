use super::listing::Listing;

/// What a listing is, which decides what checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Kubernetes,
    /// Fields of a container, without the resource around them.
    KubernetesContainer,
    GithubWorkflow,
    GitlabPipeline,
    Compose,
    CloudFormation,
    /// A service, or a drop-in of one.
    SystemdService,
    SystemdSocket,
    Dockerfile,
    Shell,
    Toml,
    Json,
}

impl Kind {
    #[cfg(test)]
    pub(super) const ALL: [Self; 12] = [
        Self::Kubernetes,
        Self::KubernetesContainer,
        Self::GithubWorkflow,
        Self::GitlabPipeline,
        Self::Compose,
        Self::CloudFormation,
        Self::SystemdService,
        Self::SystemdSocket,
        Self::Dockerfile,
        Self::Shell,
        Self::Toml,
        Self::Json,
    ];

    /// Returns the kind of a listing; `None` for a language that is checked elsewhere or not at all, such as Rust and output.
    ///
    /// # Errors
    ///
    /// Returns the listing's top-level keys if it is YAML of no known kind.
    pub(super) fn of(listing: &Listing) -> Result<Option<Self>, String> {
        Ok(Some(match &*listing.language {
            "yaml" | "yml" => Self::of_yaml(&listing.text)?,
            "ini" if listing.text.contains("[Socket]") => Self::SystemdSocket,
            "ini" => Self::SystemdService,
            "dockerfile" => Self::Dockerfile,
            "sh" | "bash" => Self::Shell,
            "toml" => Self::Toml,
            "json" => Self::Json,
            _ => return Ok(None),
        }))
    }

    fn of_yaml(text: &str) -> Result<Self, String> {
        let keys: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with(|first: char| first.is_alphabetic()))
            .filter_map(|line| line.split_once(':'))
            .map(|(key, _)| key)
            .collect();
        let has = |key: &str| keys.contains(&key);
        let is_of_container = |key: &&str| {
            matches!(*key, "env" | "lifecycle" | "livenessProbe" | "readinessProbe" | "startupProbe")
        };
        Ok(if has("apiVersion") && has("kind") {
            Self::Kubernetes
        } else if has("AWSTemplateFormatVersion") {
            Self::CloudFormation
        } else if has("on") && has("jobs") {
            Self::GithubWorkflow
        } else if has("services") {
            Self::Compose
        } else if !keys.is_empty() && keys.iter().all(is_of_container) {
            Self::KubernetesContainer
        } else if text.lines().any(|line| line.trim_end() == "  script:") {
            Self::GitlabPipeline
        } else {
            return Err(keys.join(", "));
        })
    }

    /// Returns how the name of a file of this kind ends.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Kubernetes
            | Self::KubernetesContainer
            | Self::GithubWorkflow
            | Self::GitlabPipeline
            | Self::Compose
            | Self::CloudFormation => "yaml",
            Self::SystemdService => "service",
            Self::SystemdSocket => "socket",
            Self::Dockerfile => "dockerfile",
            Self::Shell => "sh",
            Self::Toml => "toml",
            Self::Json => "json",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_language_and_the_keys_decide_the_kind() {
        for (language, text, kind) in [
            ("yaml", "apiVersion: v1\nkind: Pod\n", Ok(Some(Kind::Kubernetes))),
            ("yaml", "readinessProbe:\n  grpc:\n", Ok(Some(Kind::KubernetesContainer))),
            ("yaml", "name: a\non: push\njobs:\n", Ok(Some(Kind::GithubWorkflow))),
            ("yaml", "rehearse:\n  image: a\n  script:\n    - b\n", Ok(Some(Kind::GitlabPipeline))),
            ("yaml", "services:\n  a:\n", Ok(Some(Kind::Compose))),
            ("yaml", "AWSTemplateFormatVersion: x\nResources:\n", Ok(Some(Kind::CloudFormation))),
            ("yaml", "left: 1\nright: 2\n", Err("left, right".to_owned())),
            ("sh", "ls", Ok(Some(Kind::Shell))),
            ("rust", "fn main() {}", Ok(None)),
        ] {
            let (language, text) = (language.to_owned(), text.to_owned());
            let listing = Listing { document: PathBuf::from("a.md"), line: 1, language, text };
            assert_eq!(Kind::of(&listing), kind, "{}", listing.text);
        }
    }
}
