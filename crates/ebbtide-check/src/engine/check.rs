use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::suppression::Suppressions;
use super::{Baseline, PathIgnore, Report, ServicePlan, edits, fingerprint, narrow, parallel};
use crate::findings::{Finding, Rule, Severity};
use crate::formats::{
    Assumed, Facts, builds, compose, dockerfile, ecs, gunicorn, kamal, kubernetes, systemd, terraform,
};
use crate::input::{Place, Problem, Sources};
use crate::knowledge;
use crate::model::{Declared, Drain, Project, Workload, seconds, show};
use crate::rules::RULES;
use crate::tree::Comment;

/// Which rules run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Ids or names of the only rules to run. Empty means all. A prefix such as `K` stands for all rules whose ids begin with it.
    pub select: Vec<String>,
    /// Ids, names or prefixes of rules that do not run.
    pub ignore: Vec<String>,
    /// Rules that do not run for some files.
    pub path_ignores: Vec<PathIgnore>,
    /// The plans of services, which declare drain times.
    pub plans: Vec<ServicePlan>,
    /// Findings that do not count.
    pub baseline: Option<Baseline>,
}

/// What was read of all sources, joined.
pub(super) struct Read {
    pub(super) project: Project,
    pub(super) problems: Vec<Problem>,
    comments: Vec<Comment>,
    uneditable: Vec<Place>,
    assumed: Vec<Assumed>,
    recognised: usize,
}

/// Reads every source, and joins what belongs together.
pub(super) fn read(sources: &Sources, options: &Options) -> Read {
    let mut all = Facts::default();
    let mut objects = kubernetes::Objects::default();
    let mut recognised = 0_usize;
    for facts in parallel::read_all(sources) {
        recognised = recognised.saturating_add(usize::from(facts.format.is_some()));
        all.workloads.extend(facts.workloads);
        all.scripts.extend(facts.scripts);
        all.gunicorn.extend(facts.gunicorn);
        all.comments.extend(facts.comments);
        all.uneditable.extend(facts.uneditable);
        all.problems.extend(facts.problems);
        objects.append(facts.kubernetes);
        all.ecs.append(facts.ecs);
        all.units.extend(facts.units);
        all.kamal.extend(facts.kamal);
        all.stages.extend(facts.stages);
        all.compose.extend(facts.compose);
        all.terraform.extend(facts.terraform);
        all.env_files.extend(facts.env_files);
        all.builds.append(facts.builds);
    }
    for facts in terraform::join(std::mem::take(&mut all.terraform), sources) {
        all.workloads.extend(facts.workloads);
        all.problems.extend(facts.problems);
        objects.append(facts.kubernetes);
        all.ecs.append(facts.ecs);
        all.assumed.extend(facts.assumed);
    }
    all.problems.extend(builds::apply_patches(&mut all.workloads, &mut all.uneditable, &all.builds, sources));
    all.problems.extend(builds::leave_out(&mut all.workloads, &all.builds, sources));
    all.uneditable.extend(sources.uneditable());
    let overlaid = builds::overlaid(&all.builds, sources);
    kubernetes::join(&mut all.workloads, &objects, &overlaid, sources);
    builds::rename(&mut all.workloads, &all.builds, sources);
    ecs::join(&mut all.workloads, all.ecs, sources);
    all.problems.extend(systemd::join(&mut all.workloads, all.units, &objects, sources));
    all.problems.extend(systemd::join_env_files(&mut all.workloads, &mut all.assumed, sources));
    kamal::join(&mut all.workloads, all.kamal);
    all.problems.extend(compose::join_files(&mut all.workloads, all.compose, sources));
    systemd::unset_variables(&mut all.workloads);
    systemd::expand_variables(&mut all.workloads);
    all.problems.extend(compose::join_env_files(&mut all.workloads, &all.env_files, sources));
    builds::join(&mut all.workloads, all.stages, &all.builds, sources);
    dockerfile::join(&mut all.workloads, &all.scripts, sources);
    gunicorn::join(&mut all.workloads, &all.gunicorn, sources);
    knowledge::mark_shielded(&mut all.workloads);
    knowledge::assign_variables(&mut all.workloads);
    all.workloads.iter_mut().for_each(declare_times);
    all.problems.extend(unreadable_drains(&all.workloads, sources));
    all.problems.extend(options.plans.iter().filter_map(|plan| plan.apply(&mut all.workloads, sources)));
    all.problems.extend(shorter_drains(&all.workloads, sources));
    all.problems.extend(all.workloads.iter().filter_map(|workload| unassigned_drain(workload, sources)));
    all.workloads.iter_mut().for_each(knowledge::drain_after_lame_duck);
    let project = Project { workloads: all.workloads };
    Read {
        project,
        problems: all.problems,
        comments: all.comments,
        uneditable: all.uneditable,
        assumed: all.assumed,
        recognised,
    }
}

/// Gives containers the times that their commands and variables declare.
fn declare_times(workload: &mut Workload) {
    knowledge::declare_drains(workload);
    let platform = workload.platform;
    let of_service = workload.service.iter_mut().flat_map(|service| &mut service.containers);
    for container in workload.containers.iter_mut().chain(of_service) {
        if container.lame_duck.is_none() && knowledge::may_run_ebbtide(container) {
            container.lame_duck = knowledge::lame_duck_of(platform, &container.variables);
        }
    }
}

/// Returns the note about a drain or a lame duck of a workload of which it is not known which container drains.
fn unassigned_drain(workload: &Workload, sources: &Sources) -> Option<Problem> {
    let lame_duck = workload.lame_duck.as_ref().and_then(Declared::place);
    let drain = workload.drain.as_ref().map(|drain| drain.place.unwrap_or(workload.place));
    let place = drain.or(lame_duck).filter(|_| workload.program().is_none())?;
    let names: Vec<String> = workload.main().map(|main| format!("`{}`", main.name)).collect();
    (!names.is_empty()).then(|| Problem {
        place: Some(place),
        ..Problem::note(
            sources.name(place),
            format!(
                "which of the containers {} of {} drains: none is the only one with ports, and none has the name {}",
                names.join(", "),
                workload.title(),
                workload.name
            ),
        )
    })
}

/// Returns the flags and variables of servers that declare a drain time and cannot be read. Process groups share variables.
fn unreadable_drains(workloads: &[Workload], sources: &Sources) -> Vec<Problem> {
    let mut unreadable = BTreeMap::new();
    let of = |workload| move |container| (workload, container);
    for (workload, container) in
        workloads.iter().flat_map(|workload: &Workload| workload.containers.iter().map(of(workload)))
    {
        for found in knowledge::unreadable_drains(workload, container) {
            let message = format!("invalid duration `{}` of {}: {}", found.value, found.name, found.expected);
            unreadable.insert(found.place, message);
        }
        if knowledge::may_run_ebbtide(container) {
            unreadable.extend(knowledge::refused_settings(&container.variables));
        }
    }
    let problem = |(place, message): (Place, String)| Problem {
        path: sources.name(place).to_owned(),
        place: Some(place),
        message,
        is_failure: true,
    };
    unreadable.into_iter().map(problem).collect()
}

/// What rounding may make of two texts of one time. `plan` writes an annotation in whole seconds beside variables in milliseconds.
const ROUNDED: Duration = seconds(1);

/// Notes the settings of a server that are longer than what is declared beside them, which counts.
fn shorter_drains(workloads: &[Workload], sources: &Sources) -> Vec<Problem> {
    let note = |workload: &Workload| {
        let declared = workload.drain.as_ref()?;
        let container = workload.containers.iter().find(|container| workload.is_about(container))?;
        takes_precedence(declared, container.drain.as_ref().filter(|own| own.is_declared)?, sources)
    };
    workloads.iter().filter_map(note).collect()
}

/// Returns the note that a drain counts instead of a longer one of a file.
pub(super) fn takes_precedence(counts: &Drain, other: &Drain, sources: &Sources) -> Option<Problem> {
    let place = other.place.filter(|_| other.time > counts.time.saturating_add(ROUNDED))?;
    let (longer, time) = (format!("{} of {}", other.from, show(other.time)), show(counts.time));
    let message = format!("{longer}: the {} of {time} takes precedence", counts.from);
    Some(Problem { place: Some(place), ..Problem::note(sources.name(place), message) })
}

/// Checks sources. Every file is read before the first rule runs, because rules look at several files together.
pub fn check(sources: Sources, options: &Options) -> Report {
    let Read { project, mut problems, comments, uneditable, assumed, recognised } = read(&sources, options);
    let mut findings = Vec::new();
    for rule in RULES.iter().filter(|rule| options.runs(rule)) {
        (rule.check)(&project, &mut findings);
    }
    findings.retain(|finding| !options.ignores(&sources, finding) && is_asked(&sources, finding));
    findings.iter_mut().for_each(|finding| lower_assumed(finding, &assumed));
    findings.iter_mut().for_each(Finding::spell);
    edits::resolve(&sources, &uneditable, &mut findings);
    findings.sort_by_key(|finding| (finding.place(), finding.rule.id));
    // What is wrong with a template of units is wrong with its instances too.
    findings.dedup_by(|next, first| next.repeats(first));
    fingerprint::add(&sources, &mut findings);
    let suppressions = Suppressions::new(&sources, &comments, &project.workloads);
    suppressions.apply(&sources, &mut findings);
    // What identifies a finding, and where it is suppressed, is the script as a whole.
    narrow::narrow(&sources, &mut findings);
    problems.extend(suppressions.into_problems());
    // What cannot be read in a neighbour makes the check of the others incomplete.
    let neighbours: Vec<&str> =
        sources.iter().filter(|(_, source)| source.is_neighbour()).map(|(_, source)| source.name()).collect();
    problems.retain(|problem| problem.is_failure || !neighbours.contains(&&*problem.path));
    let mut report = Report {
        sources,
        findings,
        problems,
        stale: Vec::new(),
        workloads: project.workloads.iter().filter(|workload| !workload.containers.is_empty()).count(),
        recognised,
    };
    if let Some(baseline) = &options.baseline {
        baseline.apply(&mut report, options);
    }
    report
}

/// Says of a finding which values of it are assumed. A deploy may set others, so that it is no error.
fn lower_assumed(finding: &mut Finding, assumed: &[Assumed]) {
    let is_in = |place: Place, outer: Place| {
        place.source == outer.source && place.start() >= outer.start() && place.end() <= outer.end()
    };
    let is_used = |value: &&Assumed| finding.labels.iter().any(|label| is_in(label.place, value.place));
    let notes: BTreeSet<&str> = assumed.iter().filter(is_used).map(|value| value.note.as_str()).collect();
    if notes.is_empty() {
        return;
    }
    finding.severity = finding.severity.min(Severity::Warning);
    finding.notes.extend(notes.into_iter().map(str::to_owned));
}

/// Returns whether a finding is about a source that the user asked for, rather than about one that is read for others.
fn is_asked(sources: &Sources, finding: &Finding) -> bool {
    let labels = finding.labels.iter().map(|label| label.place);
    labels.chain([finding.workload]).any(|place| !sources.is_in_neighbour(place))
}

impl Options {
    /// Returns the words of `select`, `ignore` and `path_ignores` that mean no rule.
    pub fn unknown(&self) -> Vec<&str> {
        let words = self.path_ignores.iter().flat_map(|paths| &paths.rules);
        let words = self.select.iter().chain(&self.ignore).chain(words);
        words.filter(|word| !RULES.iter().any(|rule| means(word, rule))).map(String::as_str).collect()
    }

    fn ignores(&self, sources: &Sources, finding: &Finding) -> bool {
        let name = finding.place().map_or("", |place| sources.name(place));
        self.path_ignores.iter().any(|paths| paths.covers(name, finding.rule))
    }

    /// Returns whether a rule runs, for files that `path_ignores` does not name.
    pub fn runs(&self, rule: &Rule) -> bool {
        let is_selected = self.select.is_empty() || self.select.iter().any(|word| means(word, rule));
        is_selected && !self.ignore.iter().any(|word| means(word, rule))
    }
}

pub(super) fn means(word: &str, rule: &Rule) -> bool {
    let id = word.to_ascii_uppercase();
    rule.name == word || (!id.is_empty() && rule.id.starts_with(&id))
}

/// Returns whether a finding is about a rule that a word means.
pub(super) fn is_about(word: &str, finding: &Finding) -> bool {
    finding.rule.name == word || finding.rule.id.eq_ignore_ascii_case(word)
}
