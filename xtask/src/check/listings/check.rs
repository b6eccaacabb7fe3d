use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::kind::Kind;
use super::listing::Listing;
use super::tools;
use crate::check::files::files;
use crate::failure::Failure;

const RULES: &str = "docs/book/src/rules";

/// Checks the listings of every document: configuration against the schema of the program that reads it, shell commands by
/// shellcheck. Rust is compiled elsewhere, and the pages of the rules of `ebbtide check` show files that are wrong on purpose: their
/// tests read them.
///
/// # Errors
///
/// Returns an error if a listing is invalid, or if a tool cannot be installed.
pub(in crate::check) fn check() -> Result<(), Failure> {
    let mut documents = files("md")?;
    documents.retain(|(document, _)| !document.starts_with(RULES));
    let listings: Vec<Listing> =
        documents.iter().flat_map(|(document, text)| Listing::all(document, text)).collect();
    let violations = violations(&listings)?;
    Failure::unless_empty(
        "invalid listings; a path ends in the line of the listing in the document",
        violations,
    )
}

/// Returns what is wrong with the listings.
fn violations(listings: &[Listing]) -> Result<Vec<String>, Failure> {
    let folder = tempfile::tempdir().map_err(Failure::io("create a temporary folder"))?;
    let mut violations = Vec::new();
    let mut by_kind: BTreeMap<Kind, Vec<PathBuf>> = BTreeMap::new();
    for listing in listings {
        match Kind::of(listing) {
            Ok(None) => {}
            Ok(Some(Kind::Toml)) => violations.extend(not_parsed(listing, toml_error(&listing.text))),
            Ok(Some(Kind::Json)) => violations.extend(not_parsed(listing, json_error(&listing.text))),
            Ok(Some(kind)) => by_kind.entry(kind).or_default().push(write(folder.path(), listing, kind)?),
            Err(keys) => {
                violations.push(format!("{}: YAML of an unknown kind, with the keys {keys}", listing.place()))
            }
        }
    }
    for (kind, written) in by_kind {
        violations.extend(tools::complaints(kind, folder.path(), &written)?);
    }
    Ok(violations)
}

fn not_parsed(listing: &Listing, error: Option<String>) -> Option<String> {
    error.map(|error| format!("{}: {error}", listing.place()))
}

fn toml_error(text: &str) -> Option<String> {
    text.parse::<toml::Table>().err().map(|error| error.message().to_owned())
}

fn json_error(text: &str) -> Option<String> {
    serde_json::from_str::<Value>(text).err().map(|error| error.to_string())
}

/// Writes a listing to a file for the tools, and returns its path within the folder: that of the document, and the line.
fn write(folder: &Path, listing: &Listing, kind: Kind) -> Result<PathBuf, Failure> {
    let file = listing.document.join(format!("{}.{}", listing.line, kind.ending()));
    let path = folder.join(&file);
    let cannot = || Failure::io(format!("write {}", path.display()));
    fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(cannot())?;
    fs::write(&path, completed(kind, &listing.text)).map_err(cannot())?;
    if kind == Kind::SystemdSocket {
        // systemd refuses a socket without its service.
        let service = path.with_extension(Kind::SystemdService.ending());
        fs::write(service, completed(Kind::SystemdService, "")).map_err(cannot())?;
    }
    Ok(file)
}

/// Returns a listing with what surrounds it where it is used.
fn completed(kind: Kind, text: &str) -> String {
    match kind {
        Kind::KubernetesContainer => {
            let fields: String = text.lines().map(|line| format!("      {line}\n")).collect();
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: orders\nspec:\n  containers:\n    - name: orders\n{fields}"
            )
        }
        // A drop-in.
        Kind::SystemdService if !text.contains("ExecStart=") => {
            format!("{text}\n[Service]\nExecStart=/bin/true\n")
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations_of(language: &str, text: &str) -> Vec<String> {
        let (language, text) = (language.to_owned(), text.to_owned());
        violations(&[Listing { document: PathBuf::from("docs/a.md"), line: 7, language, text }]).unwrap()
    }

    /// One listing of each kind that its tool accepts, and something in it that makes it invalid.
    const SAMPLES: [(Kind, &str, &str, [&str; 2]); 12] = [
        (
            Kind::Kubernetes,
            "yaml",
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  terminationGracePeriodSeconds: 60\n  \
             containers:\n    - name: a\n",
            ["terminationGracePeriodSeconds", "terminationGracePeriod"],
        ),
        (
            Kind::KubernetesContainer,
            "yaml",
            "readinessProbe:\n  httpGet:\n    port: 8080\n",
            ["httpGet", "http"],
        ),
        (
            Kind::GithubWorkflow,
            "yaml",
            "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: ls\n",
            ["runs-on", "run-on"],
        ),
        (
            Kind::GitlabPipeline,
            "yaml",
            "a:\n  image: rust\n  script:\n    - ls\n  artifacts:\n    when: always\n",
            ["always", "ever"],
        ),
        (
            Kind::Compose,
            "yaml",
            "services:\n  a:\n    image: b\n    stop_grace_period: 60s\n",
            ["stop_grace_period", "grace"],
        ),
        (
            Kind::CloudFormation,
            "yaml",
            "AWSTemplateFormatVersion: \"2010-09-09\"\nResources:\n  Cluster:\n    Type: AWS::ECS::Cluster\n    Properties:\n      \
             ClusterName: a\n",
            ["ClusterName", "Name"],
        ),
        (Kind::SystemdService, "ini", "[Service]\nTimeoutStopSec=60\n", ["TimeoutStopSec", "StopSec"]),
        (Kind::SystemdSocket, "ini", "[Socket]\nListenStream=8080\n", ["ListenStream", "Listen"]),
        (
            Kind::Dockerfile,
            "dockerfile",
            "FROM debian:bookworm-slim\nENTRYPOINT [\"/a\"]\n",
            ["FROM", "FORM"],
        ),
        (Kind::Shell, "sh", "echo \"a\"\n", ["\"a\"", "\"a"]),
        (Kind::Toml, "toml", "[package]\nname = \"a\"\n", ["[package]", "[package"]),
        (Kind::Json, "json", "{\"a\": 1}\n", ["}", ",}"]),
    ];

    #[test]
    fn an_invalid_listing_of_each_kind_is_found() {
        assert_eq!(SAMPLES.map(|(kind, ..)| kind), Kind::ALL);
        let listing = |document: String, language: &str, text: String| Listing {
            document: document.into(),
            line: 7,
            language: language.to_owned(),
            text,
        };
        let listings = SAMPLES.iter().flat_map(|(kind, language, valid, [good, bad])| {
            let invalid = valid.replace(good, bad);
            [("good", (*valid).to_owned()), ("bad", invalid)]
                .map(|(name, text)| listing(format!("{name}-{kind:?}.md"), language, text))
        });
        let found = violations(&listings.collect::<Vec<_>>()).unwrap();
        for (kind, ..) in SAMPLES {
            let names = |name: &str| found.iter().any(|line| line.contains(&format!("{name}-{kind:?}.md")));
            assert!(names("bad") && !names("good"), "{kind:?}: {found:#?}");
        }
    }

    #[test]
    fn yaml_that_no_program_reads_is_found() {
        assert_eq!(
            violations_of("yaml", "left: 1\n"),
            ["docs/a.md:7: YAML of an unknown kind, with the keys left"]
        );
    }
}
