use std::future::pending;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;

use crate::health::{Health, HealthState};
use crate::http::{BoxError, HttpService, Listeners, ServeError, Server};
use crate::layer::StopService;
use crate::lifecycle::{
    Assembled, Lifecycle, RunEnvironment, Taken, apply_environment, warn_of_unknown_variables,
};
use crate::model::{Budget, End, Exit, LameDuck, Plan, Platform, Report};
use crate::runtime::os::exit::at_a_terminal;
use crate::runtime::{Input, LifecycleLedger, Manager, RunMode, START_UP, report_file};
use crate::util::chain;

/// The service to serve, and its settings.
pub(super) struct ServeParts<S, C> {
    pub(super) listeners: io::Result<Listeners>,
    pub(super) service: S,
    pub(super) settings: ServeSettings,
    pub(super) server: C,
}

/// Runs a lifecycle of one server in the caller's task. Dropped, it closes the listeners before it returns: the server
/// is polled here, and its component only waits for it.
pub(super) async fn run<S, C>(
    parts: ServeParts<S, C>,
    signal: impl Future<Output = ()>,
) -> Result<Report, ServeError>
where
    S: HttpService,
    C: FnOnce(Server<StopService<S>>) -> Server<StopService<S>>,
{
    let ServeParts { listeners, service, mut settings, server } = parts;
    let (plan, report_path) = settings.plan().map_err(ServeError::Plan)?;
    let listeners = listeners.map_err(ServeError::Listener)?;
    let ServeSettings { name, budget, health, notify_handlers, watched } = settings;
    tracing::info!(lifecycle = name, %plan, "shutdown plan");
    let lifecycle = Lifecycle::as_guest(name.clone(), budget);
    let ledger = Arc::new(LifecycleLedger::new(name.clone(), plan.clone()));
    let watchdog = watched.then(|| lifecycle.watch(plan, Arc::clone(&ledger), report_path.clone()));
    let watchdog = watchdog.transpose().map_err(ServeError::Watchdog)?;
    if let Some(path) = &report_path {
        report_file::probe_report_path(&name, path);
    }
    let surroundings = RunEnvironment {
        ledger,
        watchdog: watchdog.as_ref().and_then(Taken::watchdog).cloned(),
        mode: RunMode::Guest,
        report_path,
        manager: Manager::default(),
    };
    let Assembled { app, dispatcher, inputs, .. } = lifecycle.assemble(surroundings);
    listeners.say(&name);
    let service = StopService::new(service, notify_handlers.then(|| app.handler_stop()));
    let server = server(Server::new(service)).follow(app.plan());
    let (mut ending, ended) = oneshot::channel();
    let mut serving = None;
    app.serve(name, server.work(), |context| {
        serving = Some(server.arrivals(context.arrivals).serve(listeners, context.announced, context.stop));
        async move { ended.await? }
    });
    inputs.send(Input::Ended(START_UP, End::Done { cancelled: 0 }));

    let failed = OnceLock::new();
    let serving = async {
        let Some(serving) = serving else { return };
        let result = tokio::select! {
            biased;
            // The component was aborted. Dropped, the server cancels what is left.
            () = ending.closed() => return,
            result = serving => result,
        };
        let result = result.map_err(|error| {
            let text = chain(&error);
            drop(failed.set(error));
            BoxError::from(text)
        });
        // The receiver is gone if the component was aborted.
        let _gone = ending.send(result);
    };
    let stopping = async {
        signal.await;
        app.stop("the shutdown signal came");
    };
    let following = follow(health.as_ref(), app.health_handle());
    let beside = async {
        tokio::join!(serving, stopping, following);
        pending().await
    };
    let report = tokio::select! {
        biased;
        report = dispatcher.run() => report,
        report = pin!(beside) => report,
    };
    if let Some(health) = health {
        health.set(HealthState::Draining);
    }
    match failed.into_inner() {
        Some(error) => Err(error),
        None if report.exit_code == Exit::Drained.code() => Ok(report),
        None => {
            // A cancelled request may block a thread of the runtime, whose drop waits for it: the deadline applies
            // until the process exits.
            if let Some(watchdog) = watchdog {
                watchdog.keep();
            }
            Err(ServeError::Cancelled(Box::new(report)))
        }
    }
}

/// Copies the state of the lifecycle's health handle to the caller's.
async fn follow(health: Option<&Health>, lifecycle: Health) {
    let Some(health) = health else { return };
    let mut state = lifecycle.state();
    loop {
        health.set(state);
        if state == HealthState::Draining {
            return;
        }
        state = lifecycle.changed(state).await;
    }
}

/// The settings of [`Serve`](super::Serve)'s builder, which documents them.
#[derive(Debug)]
pub(super) struct ServeSettings {
    pub(super) name: String,
    pub(super) budget: Budget,
    pub(super) health: Option<Health>,
    pub(super) notify_handlers: bool,
    pub(super) watched: bool,
}

impl Default for ServeSettings {
    fn default() -> Self {
        let platform = Platform::detect(|name| std::env::var(name).ok(), std::process::id());
        let mut budget = Budget::of(platform);
        if platform == Platform::Plain && at_a_terminal() {
            budget.lame_duck = Some(LameDuck::NONE);
        }
        Self { name: "http".to_owned(), budget, health: None, notify_handlers: false, watched: false }
    }
}

impl ServeSettings {
    /// Computes the plan and the report path.
    fn plan(&mut self) -> Result<(Plan, Option<PathBuf>), BoxError> {
        warn_of_unknown_variables(&self.name);
        let wishes = apply_environment(&mut self.budget, |name| std::env::var(name).ok())?;
        Ok((self.budget.plan()?, wishes.report_path))
    }
}
