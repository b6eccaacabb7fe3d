use std::path::PathBuf;

use crate::health::Health;
use crate::http::BoxError;
use crate::lifecycle::apply_environment;
use crate::model::{Budget, LameDuck, Plan, Platform};
use crate::runtime::os::exit::at_a_terminal;

/// What [`Serve`](super::Serve)'s builder sets; the reasons are documented there.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) budget: Budget,
    pub(super) health: Option<Health>,
    pub(super) tell_handlers: bool,
    pub(super) watched: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let platform = Platform::detect(|name| std::env::var(name).ok(), std::process::id());
        let mut budget = Budget::of(platform);
        if platform == Platform::Plain && at_a_terminal() {
            budget.lame_duck = Some(LameDuck::NONE);
        }
        Self { name: "http".to_owned(), budget, health: None, tell_handlers: false, watched: false }
    }
}

impl Settings {
    /// Works out the plan, and where the report goes.
    pub(super) fn plan(&mut self) -> Result<(Plan, Option<PathBuf>), BoxError> {
        let wishes = apply_environment(&mut self.budget, |name| std::env::var(name).ok())?;
        Ok((self.budget.plan()?, wishes.report_path))
    }
}
