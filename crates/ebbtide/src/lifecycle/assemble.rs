use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

#[cfg(feature = "http")]
use super::builder::Taken;
use super::hook::flusher;
use super::{Handle, Lifecycle};
use crate::drain::{Arrivals, Stop, StopSource};
#[cfg(feature = "testing")]
use crate::model::BudgetError;
#[cfg(feature = "http")]
use crate::model::Plan;
use crate::model::{Kind, Phase, Spec, Stage};
use crate::runtime::{
    Dispatcher, Inputs, LifecycleLedger, Links, Manager, Observers, Registration, Run, RunMode,
    START_UP_NAME, Settings, Watchdog,
};
use crate::util::clock;

/// An assembled lifecycle whose dispatcher does not run yet.
pub(crate) struct Assembled {
    pub(crate) app: Handle,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) inputs: Inputs,
    /// Abandons the start-up, which is the first component.
    pub(crate) abandon: Stop,
}

/// The environment of a lifecycle.
pub(crate) struct RunEnvironment {
    pub(crate) ledger: Arc<LifecycleLedger>,
    /// `None` if no thread enforces the deadline: in a test, and for a standalone server without a watchdog.
    pub(crate) watchdog: Option<Watchdog>,
    pub(crate) mode: RunMode,
    pub(crate) report_path: Option<PathBuf>,
    /// The service manager to notify.
    pub(crate) manager: Manager,
}

impl Lifecycle {
    /// Creates the ledger from the settings in code alone, without the environment.
    #[cfg(feature = "testing")]
    pub(crate) fn ledger(&self) -> Result<LifecycleLedger, BudgetError> {
        Ok(LifecycleLedger::new(self.name.clone(), self.budget.plan()?))
    }

    /// Starts a watchdog that enforces the deadline and handles no signals. Dropping it disarms it.
    #[cfg(feature = "http")]
    pub(crate) fn watch(
        &self,
        plan: Plan,
        ledger: Arc<LifecycleLedger>,
        report_path: Option<PathBuf>,
    ) -> std::io::Result<Taken> {
        let watchdog = Watchdog::start(plan.clone(), self.inputs.0.clone(), &[])?;
        watchdog.configure(plan, ledger, report_path);
        Ok(Taken::new(watchdog))
    }

    /// Assembles the parts of a lifecycle. From then on its inputs go to the dispatcher.
    pub(crate) fn assemble(self, surroundings: RunEnvironment) -> Assembled {
        let RunEnvironment { ledger, watchdog, mode, report_path, manager } = surroundings;
        let (announced, drain) = (StopSource::with_clock(clock::now), StopSource::with_clock(clock::now));
        let (phases, phase) = watch::channel(Phase::Starting);
        let inputs = self.inputs.0.clone();
        let arrivals = Arrivals::new();
        let app = Handle::new(
            inputs.clone(),
            phase,
            announced.token(),
            drain.token(),
            arrivals.clone(),
            watchdog.clone(),
            Arc::clone(&ledger),
        );
        for slot in self.flushers {
            app.register(flusher(slot, None));
        }
        let settings =
            Settings { mode, report_path, on_report: self.on_report, progress_every: self.progress_every };
        let source = StopSource::with_clock(clock::now);
        let abandon = source.token();
        let spec = Spec::new(START_UP_NAME, Stage::Intake, Kind::StartUp);
        let start = Registration { spec, source, run: Run::StartUp, work: None };
        let observers = Observers::new(manager, app.board().clone());
        let links =
            Links { ledger, watchdog, inputs: self.inputs, announced, drain, phases, arrivals, observers };
        Assembled { app, dispatcher: Dispatcher::new(links, settings, start), inputs, abandon }
    }
}
