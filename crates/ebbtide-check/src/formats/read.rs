use std::collections::BTreeMap;

use super::syntax::Syntax;
use super::{
    Facts, Format, builds, comment, compose, dockerfile, ecs, gunicorn, kamal, kubernetes, nomad, paas,
    syntax, systemd, template, terraform, times,
};
use crate::input::{Place, Problem, Source, SourceId, UNRENDERED};
use crate::model::Word;
use crate::tree::{Node, Parsed, SyntaxError, comments, parse_dockerfile, parse_unit};

/// The errors of one file that are reported.
const MAX_ERRORS: usize = 10;

/// Reads one file.
pub(crate) fn read(id: SourceId, source: &Source) -> Facts {
    let mut facts = recognise(id, source);
    comment::apply(&mut facts, source.name(), source.text());
    facts.report_unreadable(source.name());
    let is_required = source.is_required();
    let unread = match systemd::without_program(source).filter(|_| is_required) {
        Some(message) => Some((message, false)),
        None if facts.is_empty() => unrecognised(source, is_required),
        None => None,
    };
    if let Some((message, is_failure)) = unread {
        let path = source.name().to_owned();
        let place = systemd::broken(source).and_then(|_| systemd::broken_line(id, source));
        facts.problems.push(Problem { path, place, message: message.to_owned(), is_failure });
    }
    facts
}

/// Returns that a source is none of the known formats, and whether that is a failure. Where its name says what it is, it cannot be parsed as that: in
/// a folder that is a note, since other programs have such names too.
fn unrecognised(source: &Source, is_required: bool) -> Option<(&'static str, bool)> {
    let nothing = "nothing recognised: the text is none of the known deployment files";
    let broken = if source.text().trim().is_empty() {
        None
    } else if let Some(broken) = systemd::broken(source) {
        Some(broken)
    } else if dockerfile::is_meant(source) {
        Some("no Dockerfile: expected FROM or ARG as the first instruction")
    } else if paas::is_procfile_name(source) {
        Some("no Procfile: expected lines of the form `NAME: COMMAND`")
    } else {
        None
    };
    match broken {
        Some(message) => Some((message, is_required)),
        None => is_required.then_some((nothing, false)),
    }
}

fn recognise(id: SourceId, source: &Source) -> Facts {
    if source.is_of_variables() {
        return Facts::default();
    }
    if dockerfile::is_script(source) {
        return script(id, source);
    }
    if gunicorn::has_name(source) {
        return Facts { gunicorn: vec![gunicorn::read(id, source)], ..Facts::default() };
    }
    if compose::has_env_name(source) {
        return Facts { env_files: vec![compose::read_env_file(id, source)], ..Facts::default() };
    }
    if systemd::is_unit(source) {
        return unit(id, source);
    }
    if systemd::is_mask(source) {
        return Facts { units: vec![systemd::UnitFile::mask(source.name())], ..Facts::default() };
    }
    // What has such a name and is none is no YAML either: nginx's files end with `.conf` too.
    if systemd::has_unit_name(source) {
        return Facts::default();
    }
    if dockerfile::is_dockerfile(source) {
        return image(id, source);
    }
    // What has such a name and is none is no YAML either.
    if dockerfile::is_meant(source) && !syntax::of(source).is_template(source.text()) {
        return Facts::default();
    }
    if paas::is_procfile(source) {
        return paas::procfile(id, source);
    }
    let syntax = syntax::of(source);
    let parsed = syntax.parse(id, source.text());
    build(source, syntax, parsed)
}

fn script(id: SourceId, source: &Source) -> Facts {
    let place = Place::new(id, 0, source.text().len());
    Facts {
        scripts: vec![Word { text: source.text().to_owned(), place }],
        comments: comments(id, source.text(), &["#"]),
        ..Facts::default()
    }
}

fn unit(id: SourceId, source: &Source) -> Facts {
    let parsed = parse_unit(id, source.text());
    let mut facts = Facts { format: Some(Format::Systemd), comments: parsed.comments, ..Facts::default() };
    for document in parsed.documents {
        systemd::note_unreadable(&document.root, &mut facts.unreadable);
        facts.units.push(systemd::UnitFile::new(source.name(), document.root));
    }
    facts
}

fn image(id: SourceId, source: &Source) -> Facts {
    let parsed = parse_dockerfile(id, source.text());
    let stages: Vec<_> = parsed
        .documents
        .iter()
        .flat_map(|document| dockerfile::stages(source, &document.root, &BTreeMap::new()))
        .collect();
    let problem = |error: SyntaxError| Problem {
        path: source.name().to_owned(),
        place: Some(error.place),
        message: error.message,
        is_failure: dockerfile::has_name(source),
    };
    let problems = parsed.errors.into_iter().take(MAX_ERRORS).map(problem).collect();
    let last = stages.iter().filter(|stage| stage.is_last);
    let workloads = last.map(|stage| dockerfile::image(source.name(), stage)).collect();
    Facts {
        format: Some(Format::Dockerfile),
        workloads,
        stages,
        comments: parsed.comments,
        problems,
        ..Facts::default()
    }
}

/// Adds the images of Dockerfiles that are values of another file, where an added line would need the indentation of the value.
fn images<'n>(source: &Source, values: impl Iterator<Item = &'n Node>, facts: &mut Facts) {
    for value in values {
        facts.uneditable.push(value.place);
        let Some((image, parsed)) = dockerfile::inline(source, value) else {
            let message = "Dockerfile inside of another file: expected its lines as they are";
            let problem = Problem::note(source.name(), message);
            facts.problems.push(Problem { place: Some(value.place), ..problem });
            continue;
        };
        facts.workloads.extend(image);
        let new = parsed
            .comments
            .into_iter()
            .filter(|own| facts.comments.iter().all(|known| known.place != own.place));
        let new: Vec<_> = new.collect();
        facts.comments.extend(new);
        for error in parsed.errors.into_iter().take(MAX_ERRORS) {
            facts.problem(source.name(), error.place, error.message);
        }
    }
}

/// Gives each document to the builder of its format.
fn build(source: &Source, syntax: Syntax, parsed: Parsed) -> Facts {
    let mut facts = Facts { comments: parsed.comments, uneditable: parsed.shared, ..Facts::default() };
    for document in parsed.documents {
        if builds::add(source.name(), &document.root, &mut facts.builds) {
            images(source, builds::inline(source.name(), &document.root), &mut facts);
            facts.format = Some(Format::Build);
        } else if kubernetes::is_object(&document.root) {
            kubernetes::add(&document.root, &mut facts);
            facts.format = Some(Format::Kubernetes);
        } else if compose::is_compose(source.name(), &document.root) {
            compose::add(source.name(), &document.root, &mut facts);
            images(source, compose::inline(&document.root), &mut facts);
            facts.format = Some(Format::Compose);
        } else if ecs::is_ecs(&document.root) {
            ecs::add(&document.root, &mut facts);
            facts.format = Some(Format::Ecs);
        } else if matches!(syntax, Syntax::Hcl | Syntax::Json) && nomad::is_nomad(&document.root) {
            nomad::add(&document.root, &mut facts);
            facts.format = Some(Format::Nomad);
        } else if matches!(syntax, Syntax::Hcl | Syntax::Json) && terraform::is_terraform(&document.root) {
            let file = terraform_file(source, &document.root, &facts);
            facts.terraform.push(file);
            facts.format = Some(Format::Terraform);
        } else if syntax == Syntax::Toml && paas::is_fly(source.name(), &document.root) {
            paas::add_fly(&document.root, &mut facts);
            facts.format = Some(Format::Fly);
        } else if paas::is_container_apps(&document.root) {
            paas::add_container_apps(&document.root, &mut facts);
            facts.format = Some(Format::ContainerApps);
        } else if paas::is_render(source.name(), &document.root) {
            paas::add_render(&document.root, &mut facts);
            facts.format = Some(Format::Render);
        } else if kamal::is_kamal(source.name(), &document.root) {
            kamal::note_unreadable(&document.root, &mut facts.unreadable);
            facts.kamal.push(kamal::KamalFile::new(source.name(), document.root.clone()));
            facts.format = Some(Format::Kamal);
        } else {
            compose::add_part(source.name(), &document.root, &mut facts);
            if (syntax == Syntax::Hcl || terraform::is_of_values(source.name()))
                && terraform::has_values(source.name(), &document.root)
            {
                let file = terraform_file(source, &document.root, &facts);
                facts.terraform.push(file);
                facts.uneditable.push(Place::new(document.root.place.source, 0, source.text().len()));
            }
            continue;
        }
        if matches!(syntax, Syntax::Hcl | Syntax::Toml) || facts.format == Some(Format::Terraform) {
            facts.uneditable.push(Place::new(document.root.place.source, 0, source.text().len()));
        }
        times::note_own(&document.root, &mut facts.unreadable);
        for duplicate in document.duplicates {
            let key = source.text().get(duplicate.start()..duplicate.end()).unwrap_or_default();
            facts.problem(source.name(), duplicate, format!("duplicate key `{}`", key.trim_matches('"')));
        }
    }
    let is_of_editor = !parsed.errors.is_empty() && syntax.is_of_editor(source);
    let is_template = parsed.errors.first().is_some_and(|error| {
        template::explains(syntax, error.place.source, source.name(), source.text(), error.place)
    });
    for error in parsed.errors.into_iter().take(if is_of_editor { 0 } else { MAX_ERRORS }) {
        let (message, is_failure) = if is_template {
            (UNRENDERED.to_owned(), false)
        } else {
            (error.message, source.is_required() || syntax.is_meant(source))
        };
        let problem =
            Problem { path: source.name().to_owned(), place: Some(error.place), message, is_failure };
        facts.problems.push(problem);
    }
    facts
}

fn terraform_file(source: &Source, root: &Node, facts: &Facts) -> terraform::TerraformFile {
    terraform::TerraformFile::new(source.name(), root.clone(), facts.comments.clone())
}
