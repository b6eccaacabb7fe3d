use super::{Facts, Format, compose, dockerfile, ecs, kubernetes, systemd};
use crate::input::{Place, Problem, Source, SourceId};
use crate::model::Word;
use crate::tree::{Parsed, parse_dockerfile, parse_json, parse_unit, parse_yaml};

/// The errors of one file that are reported.
const MAX_ERRORS: usize = 10;

/// Words that JSON of a deployment has.
const JSON_MARKS: [&str; 4] =
    ["apiVersion", "containerDefinitions", "AWSTemplateFormatVersion", "\"Resources\""];

/// Reads one file.
pub(crate) fn read(id: SourceId, source: &Source) -> Facts {
    if dockerfile::is_script(source) {
        return script(id, source);
    }
    if systemd::is_unit(source) {
        return unit(id, source);
    }
    if dockerfile::is_dockerfile(source) {
        return image(id, source);
    }
    let parsed = if is_json(source) { parse_json(id, source.text()) } else { parse_yaml(id, source.text()) };
    build(source, parsed)
}

fn script(id: SourceId, source: &Source) -> Facts {
    let place = Place::new(id, 0, source.text().len());
    Facts { scripts: vec![Word { text: source.text().to_owned(), place }], ..Facts::default() }
}

fn unit(id: SourceId, source: &Source) -> Facts {
    let parsed = parse_unit(id, source.text());
    let units = parsed
        .documents
        .into_iter()
        .map(|document| systemd::UnitFile::new(source.name(), document.root))
        .collect();
    Facts { format: Some(Format::Systemd), units, comments: parsed.comments, ..Facts::default() }
}

fn image(id: SourceId, source: &Source) -> Facts {
    let parsed = parse_dockerfile(id, source.text());
    let workloads =
        parsed.documents.iter().filter_map(|document| dockerfile::image(source, &document.root)).collect();
    Facts { format: Some(Format::Dockerfile), workloads, comments: parsed.comments, ..Facts::default() }
}

/// Gives each document to the builder of its format.
fn build(source: &Source, parsed: Parsed) -> Facts {
    let mut facts = Facts { comments: parsed.comments, shared: parsed.shared, ..Facts::default() };
    for document in parsed.documents {
        if kubernetes::is_object(&document.root) {
            kubernetes::add(&document.root, &mut facts);
            facts.format = Some(Format::Kubernetes);
        } else if compose::is_compose(&document.root) {
            compose::add(&document.root, &mut facts);
            facts.format = Some(Format::Compose);
        } else if ecs::is_ecs(&document.root) {
            ecs::add(&document.root, &mut facts);
            facts.format = Some(Format::Ecs);
        } else {
            continue;
        }
        for duplicate in document.duplicates {
            let key = source.text().get(duplicate.start()..duplicate.end()).unwrap_or_default();
            facts.problem(source.name(), duplicate, format!("duplicate key `{}`", key.trim_matches('"')));
        }
    }
    for error in parsed.errors.into_iter().take(MAX_ERRORS) {
        let (message, is_failure) = if is_template(source.text()) {
            ("template that is not rendered".to_owned(), false)
        } else {
            (error.message, is_meant(source))
        };
        let problem =
            Problem { path: source.name().to_owned(), place: Some(error.place), message, is_failure };
        facts.problems.push(problem);
    }
    facts
}

fn is_json(source: &Source) -> bool {
    source.name().to_ascii_lowercase().ends_with(".json")
}

/// Returns whether a file that cannot be parsed is missed. Folders have JSON of many other programs, often with comments and
/// trailing commas, that is none of a deployment.
fn is_meant(source: &Source) -> bool {
    !is_json(source) || JSON_MARKS.iter().any(|mark| source.text().contains(mark))
}

/// Returns whether a text has the marks of Go templates or Jinja, which Helm and Ansible use.
fn is_template(text: &str) -> bool {
    (text.contains("{{") && text.contains("}}")) || (text.contains("{%") && text.contains("%}"))
}
