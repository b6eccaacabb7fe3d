//! Helm charts and kustomizations as the tools for them render them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ebbtide_check::{Problem, Sources};
use ebbtide_rehearse::words::chain;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::output::complain;

/// The file that makes a folder a chart, and those that make one a kustomization.
const CHART: &str = "Chart.yaml";
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The begin of the line in which Helm names the template of a document: the name of the chart and the path in it.
const SOURCE: &str = "# Source: ";

/// Why a folder has no text.
#[derive(Debug, thiserror::Error)]
enum NotRendered {
    #[error("no such folder")]
    NoFolder,
    #[error("neither a Helm chart nor a kustomization: no {CHART} and no {}", KUSTOMIZATIONS[0])]
    UnknownFolder,
    #[error("no program `{}` to render it", programs.join("` and no program `"))]
    Missing { programs: &'static [&'static str], hint: &'static str },
    #[error("`{program}` could not be started")]
    NotStarted { program: &'static str, source: io::Error },
    #[error("`{program}` failed: {said}")]
    Failed { program: &'static str, said: String },
    #[error("output of `{program}` is not UTF-8")]
    NotUtf8 { program: &'static str },
}

impl NotRendered {
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing { hint, .. } => Some(hint),
            Self::NoFolder
            | Self::UnknownFolder
            | Self::NotStarted { .. }
            | Self::Failed { .. }
            | Self::NotUtf8 { .. } => None,
        }
    }
}

/// Renders the folders and adds what the tools print. A folder that is not rendered is a problem, and the others are.
pub(super) fn add(
    folders: &[PathBuf],
    values: &[PathBuf],
    sources: &mut Sources,
    problems: &mut Vec<Problem>,
) {
    for folder in folders {
        match render(folder, values) {
            Ok(texts) => {
                for (path, text) in texts {
                    let template = fs::read_to_string(&path).unwrap_or_default();
                    let lines = lines_of(&template, &text);
                    sources.add_rendered(&path.display().to_string(), text, lines);
                }
            }
            Err(error) => {
                let path = folder.display().to_string();
                // The report has the problem; what to do about it is for the user alone.
                if let Some(hint) = error.hint() {
                    complain(&format!("{path}: {error}"), Some(hint));
                }
                problems.push(Problem { path, place: None, message: chain(&error), is_failure: true });
            }
        }
    }
}

/// Returns whether values would have no effect: each folder is a kustomization.
pub(super) fn ignores_values(folders: &[PathBuf]) -> bool {
    folders.iter().all(|folder| !folder.join(CHART).is_file() && kustomization(folder).is_some())
}

fn kustomization(folder: &Path) -> Option<PathBuf> {
    KUSTOMIZATIONS.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Returns the texts of a folder with the paths of what they were rendered from.
fn render(folder: &Path, values: &[PathBuf]) -> Result<BTreeMap<PathBuf, String>, NotRendered> {
    if folder.join(CHART).is_file() {
        let mut helm = Command::new("helm");
        helm.args(["template", "--include-crds"]);
        for file in values {
            helm.arg("--values").arg(file);
        }
        // The name of a release, which templates put into names.
        let text = printed(helm.arg("release").arg(folder), "helm template")?.ok_or(NotRendered::Missing {
            programs: &["helm"],
            hint: "install Helm (https://helm.sh/docs/intro/install/) and put it on PATH, or pass what `helm template` prints",
        })?;
        return Ok(by_template(folder, &text));
    }
    if let Some(path) = kustomization(folder) {
        let own = printed(Command::new("kustomize").arg("build").arg(folder), "kustomize build")?;
        let text = match own {
            Some(text) => text,
            None => printed(Command::new("kubectl").arg("kustomize").arg(folder), "kubectl kustomize")?.ok_or(
                NotRendered::Missing {
                    programs: &["kustomize", "kubectl"],
                    hint: "install kustomize (https://kubectl.docs.kubernetes.io/installation/kustomize/) or kubectl and put it on PATH, or \
                           pass what `kustomize build` prints",
                },
            )?,
        };
        return Ok(BTreeMap::from([(path, text)]));
    }
    Err(if folder.is_dir() { NotRendered::UnknownFolder } else { NotRendered::NoFolder })
}

/// Returns what a command prints, or nothing if there is no such program.
fn printed(command: &mut Command, program: &'static str) -> Result<Option<String>, NotRendered> {
    let Output { status, stdout, stderr } = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(NotRendered::NotStarted { program, source }),
    };
    if !status.success() {
        let stderr = String::from_utf8_lossy(&stderr);
        let said =
            stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        let said = if said.is_empty() { status.to_string() } else { said.trim_end_matches('.').to_owned() };
        return Err(NotRendered::Failed { program, said });
    }
    String::from_utf8(stdout).map(Some).map_err(|_| NotRendered::NotUtf8 { program })
}

/// Splits what Helm prints into the texts of the templates, under the paths that the templates have on the disk. A document without a
/// template is the chart's.
fn by_template(folder: &Path, text: &str) -> BTreeMap<PathBuf, String> {
    let mut texts: BTreeMap<PathBuf, String> = BTreeMap::new();
    for document in documents(text) {
        let template = document.lines().find_map(|line| line.strip_prefix(SOURCE));
        let path = match template.and_then(|path| path.split_once('/')) {
            Some((_, inner)) => folder.join(inner),
            None => folder.join(CHART),
        };
        texts.entry(path).or_default().push_str(&document);
    }
    texts
}

/// Returns the line of the template for each line of a rendered text: the one with the same key in the same order. A line that has none is
/// from the one before it.
fn lines_of(template: &str, text: &str) -> Vec<usize> {
    let keys = |text: &str| -> Vec<String> { text.lines().map(|line| key(line).to_owned()).collect() };
    let (before, after) = (keys(template), keys(text));
    let mut lines = vec![0; after.len()];
    for operation in capture_diff_slices(Algorithm::Myers, &before, &after) {
        if let DiffOp::Equal { old_index, new_index, len } = operation {
            for offset in 0..len {
                if let Some(line) = lines.get_mut(new_index.saturating_add(offset)) {
                    *line = old_index.saturating_add(offset).saturating_add(1);
                }
            }
        }
    }
    let mut last = 1;
    for line in &mut lines {
        last = if *line == 0 { last } else { *line };
        *line = last;
    }
    lines
}

/// Returns what a template and its text have in common: the key with its indentation, or the whole line.
fn key(line: &str) -> &str {
    line.split_once(": ").map_or(line.trim_end(), |(key, _)| key)
}

/// Returns the documents, each with the line `---` that begins it.
fn documents(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        match all.last_mut() {
            Some(document) if line.trim_end() != "---" => document.push_str(line),
            _ => all.push(line.to_owned()),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            NotRendered::NoFolder => NotRendered::NoFolder;
            NotRendered::UnknownFolder => NotRendered::UnknownFolder;
            NotRendered::Missing { .. } => NotRendered::Missing { programs: &["kustomize", "kubectl"], hint: "install it" };
            NotRendered::NotStarted { .. } => NotRendered::NotStarted { program: "helm template", source: io::Error::other("denied") };
            NotRendered::Failed { .. } => NotRendered::Failed { program: "helm template", said: "no value".to_owned() };
            NotRendered::NotUtf8 { .. } => NotRendered::NotUtf8 { program: "helm template" };
        }
    }

    #[test]
    fn each_document_goes_to_its_template() {
        let text = "---\n# Source: shop/templates/a.yaml\na: 1\n---\n# Source: shop/charts/db/templates/b.yaml\nb: 1\n---\n# Source: \
                    shop/templates/a.yaml\na: 2\n";
        let texts = by_template(Path::new("deploy/shop"), text);
        assert_eq!(texts.len(), 2);
        let a = &texts[Path::new("deploy/shop/templates/a.yaml")];
        assert!(a.contains("a: 1") && a.contains("a: 2") && a.matches("---").count() == 2, "{a}");
        assert!(texts[Path::new("deploy/shop/charts/db/templates/b.yaml")].contains("b: 1"));
        let plain = by_template(Path::new("x"), "a: 1\n");
        assert_eq!(plain[Path::new("x/Chart.yaml")], "a: 1\n");
    }

    #[test]
    fn a_line_is_found_in_the_template_by_its_key() {
        let template = "{{- if .Values.on }}\nkind: Pod\nspec:\n  grace: {{ .Values.grace }}\n  {{- range .Values.items }}\n  item: {{ . \
                        }}\n  {{- end }}\n  last: 1\n";
        let text = "---\n# Source: a\nkind: Pod\nspec:\n  grace: 30\n  item: 1\n  item: 2\n  last: 1\n";
        let lines = lines_of(template, text);
        assert_eq!(lines[..5], [1, 1, 2, 3, 4]);
        assert!(lines[5] <= 6 && lines[6] == 6 && lines[7] == 8, "{lines:?}");
        assert_eq!(lines_of("", "a\nb\n"), [1, 1]);
    }
}
