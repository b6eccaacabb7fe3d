use super::times::Unreadable;
use super::{builds, compose, dockerfile, ecs, gunicorn, kamal, kubernetes, systemd, terraform};
use crate::input::{Place, Problem};
use crate::model::{Word, Workload};
use crate::tree::Comment;

/// What was found in one file, before it is joined with the others.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// What the file is; nothing for a file that no builder knows.
    pub(crate) format: Option<Format>,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) kubernetes: kubernetes::Objects,
    pub(crate) ecs: ecs::Resources,
    pub(crate) units: Vec<systemd::UnitFile>,
    pub(crate) kamal: Vec<kamal::KamalFile>,
    pub(crate) compose: Vec<compose::ComposeFile>,
    pub(crate) terraform: Vec<terraform::TerraformFile>,
    /// Files of variables, which services of Compose may name.
    pub(crate) env_files: Vec<compose::EnvFile>,
    /// The stages of Dockerfiles, which Compose may build by their names.
    pub(crate) stages: Vec<dockerfile::StageImage>,
    /// What builds images, and what renames them.
    pub(crate) builds: builds::Builds,
    /// Shell scripts, which entry points may be.
    pub(crate) scripts: Vec<Word>,
    pub(crate) gunicorn: Vec<gunicorn::GunicornFile>,
    pub(crate) comments: Vec<Comment>,
    /// Values that no edit is made in: an alias repeats them elsewhere, or their format is not the one that edits are written in.
    pub(crate) uneditable: Vec<Place>,
    /// Values that the deploy may replace by others.
    pub(crate) assumed: Vec<Assumed>,
    /// Times that are declared and cannot be read.
    pub(super) unreadable: Unreadable,
    pub(crate) problems: Vec<Problem>,
}

/// A value that counts although the deploy may replace it by one that is not in the input.
#[derive(Debug)]
pub(crate) struct Assumed {
    /// What is assumed, and what may replace it.
    pub(crate) note: String,
    pub(crate) place: Place,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    Kubernetes,
    Dockerfile,
    /// What builds images or renames them: Skaffold, Bake, Kustomize.
    Build,
    Compose,
    Kamal,
    Ecs,
    Systemd,
    Nomad,
    Terraform,
    Fly,
    ContainerApps,
    Render,
    Heroku,
}

impl Facts {
    /// Returns whether a file is none that is known, and nothing is wrong with it.
    pub(super) fn is_empty(&self) -> bool {
        self.format.is_none()
            && self.scripts.is_empty()
            && self.gunicorn.is_empty()
            && self.env_files.is_empty()
            && self.terraform.is_empty()
            && self.problems.is_empty()
    }

    /// Makes problems of the times that cannot be read.
    pub(super) fn report_unreadable(&mut self, path: &str) {
        for (place, message) in std::mem::take(&mut self.unreadable) {
            self.problem(path, place, message);
        }
    }

    pub(crate) fn problem(&mut self, path: &str, place: Place, message: impl Into<String>) {
        let message = message.into();
        self.problems.push(Problem { path: path.to_owned(), place: Some(place), message, is_failure: true });
    }
}
