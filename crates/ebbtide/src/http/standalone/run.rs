use std::io;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep_until};
use tower_service::Service;

use super::settings::Settings;
use crate::drain::{Arrivals, StopSource};
use crate::health::HealthState;
use crate::http::{BoxError, Listeners, ServeError, Server};
use crate::layer::{HandlerStop, StopService};
use crate::model::{
    Cause, ComponentId, Effect, End, Event, Exit, Kind, Phase, Report, Spec, Stage, show_duration,
};
use crate::runtime::{Ledger, clock, report_file, voice};

/// How often the lame duck looks for new requests.
const LOOK_FOR_ARRIVALS: Duration = Duration::from_millis(10);

/// The only component but for the start-up, whose end makes the machine ready.
const SERVER: ComponentId = ComponentId(1);

/// What is served, and how.
pub(super) struct Parts<S, C> {
    pub(super) listeners: io::Result<Listeners>,
    pub(super) service: S,
    pub(super) settings: Settings,
    pub(super) server: C,
}

/// Runs the machine of the lifecycle over one server, whose task is the caller's.
pub(super) async fn run<S, C, B>(
    parts: Parts<S, C>,
    signal: impl Future<Output = ()>,
) -> Result<Report, ServeError>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    C: FnOnce(Server<StopService<S>>) -> Server<StopService<S>>,
{
    let Parts { listeners, service, mut settings, server } = parts;
    let (plan, report_path) = settings.plan().map_err(ServeError::Plan)?;
    let listeners = listeners.map_err(ServeError::Listener)?;
    tracing::info!(lifecycle = settings.name, %plan, "plan");
    listeners.say(&settings.name);
    let (announced, stop) = (StopSource::new(clock::now), StopSource::new(clock::now));
    let told = HandlerStop::of(announced.token(), stop.token(), Duration::ZERO);
    let server = server(Server::new(StopService::new(service, settings.tell_handlers.then_some(told))));
    let server = server.follow(&plan);
    let arrivals = Arrivals::new();
    let ledger = Ledger::new(settings.name.clone(), plan);
    ledger.keep_work(SERVER, &settings.name, server.work());
    let mut driver =
        Driver { ledger, settings, announced, stop, wake: None, next_progress: None, exit: None };
    driver.begin();

    let serving =
        server.arrivals(arrivals.clone()).serve(listeners, driver.announced.token(), driver.stop.token());
    let mut serving = Some(Box::pin(serving));
    let mut signal = pin!(signal);
    let (mut signalled, mut seen) = (false, 0);
    let mut failed = None;
    while driver.exit.is_none() {
        let alarm = driver.alarm();
        let event = tokio::select! {
            biased;
            () = &mut signal, if !signalled => {
                signalled = true;
                Event::Stop(Cause::Requested { reason: "the shutdown signal came".to_owned() })
            }
            ended = async { serving.as_mut()?.await.err() }, if serving.is_some() => {
                serving = None;
                let end = match &ended {
                    Some(error) => End::Failed(crate::runtime::chain(error)),
                    None => End::Done { cut: driver.ledger.cut_since_stop(SERVER) },
                };
                failed = ended;
                Event::Ended(SERVER, end)
            }
            () = until(alarm) => {
                let count = arrivals.count();
                driver.say_progress();
                if std::mem::replace(&mut seen, count) == count { Event::Tick } else { Event::Arrival }
            }
        };
        if driver.step(event) {
            // Dropping it cuts what is left.
            serving = None;
            driver.step(Event::Ended(SERVER, End::Aborted));
        }
    }
    drop(serving);
    driver.conclude(report_path.as_deref(), failed)
}

async fn until(alarm: Option<Instant>) {
    match alarm {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

struct Driver {
    ledger: Ledger,
    settings: Settings,
    announced: StopSource,
    stop: StopSource,
    wake: Option<Duration>,
    next_progress: Option<Duration>,
    exit: Option<Exit>,
}

impl Driver {
    fn begin(&mut self) {
        let start_up = Spec::new("start-up", Stage::Intake, Kind::StartUp);
        let server = Spec::new(self.settings.name.clone(), Stage::Servers, Kind::Service);
        let began = [
            Event::Registered(start_up),
            Event::Registered(server),
            Event::Ended(ComponentId(0), End::Done { cut: 0 }),
        ];
        for event in began {
            self.step(event);
        }
    }

    /// Does what the machine says; returns whether the server is to be dropped.
    fn step(&mut self, event: Event) -> bool {
        let effects = self.ledger.step(event);
        let mut abort = false;
        self.wake = None;
        for effect in effects {
            match effect {
                Effect::Enter(phase) => self.enter(phase),
                Effect::Announce { cause, .. } => self.announce(cause),
                Effect::Ask { cut_at, .. } => {
                    let cause = self.announced.token().cause().cloned();
                    let cause = cause.unwrap_or_else(|| Cause::Requested { reason: String::new() });
                    self.stop.stop(cause, Some(self.ledger.instant(cut_at)));
                }
                Effect::Cut(id) => {
                    let held = self.ledger.keep_stragglers(id);
                    let held: Vec<&str> = held.iter().map(|straggler| straggler.name.as_str()).collect();
                    crate::runtime::log_warn!(
                        component = self.settings.name,
                        ?held,
                        "deadline exceeded; cancelling component"
                    );
                    self.stop.cancel();
                }
                Effect::Abort(_) => abort = true,
                Effect::Wake(at) => self.wake = Some(at),
                Effect::Exit(exit) => self.exit = Some(exit),
                // It has no pool, no signal is told to this machine, and a dropped future is always gone.
                Effect::Close(_)
                | Effect::GiveUp(_)
                | Effect::IgnoreSignal { .. }
                | Effect::EndNow { .. } => {}
            }
        }
        abort
    }

    fn enter(&mut self, phase: Phase) {
        if let Some(health) = &self.settings.health
            && phase == Phase::Ready
        {
            health.set(HealthState::Ready);
        }
        tracing::info!(lifecycle = self.settings.name, %phase, "phase");
    }

    fn announce(&mut self, cause: Cause) {
        if let Some(health) = &self.settings.health {
            health.set(HealthState::Draining);
        }
        tracing::info!(lifecycle = self.settings.name, %cause, "stopping");
        let began = self.ledger.now();
        self.next_progress = Some(began.saturating_add(self.settings.progress_every));
        // What handlers have is what the server has: the rest is for whatever comes after it.
        let cut = self.ledger.instant(began.saturating_add(self.ledger.plan().servers_cut()));
        self.announced.stop(cause, Some(cut));
    }

    /// Returns when the loop must go round although nothing has come.
    fn alarm(&self) -> Option<Instant> {
        let in_duck = self.ledger.phase() == Phase::LameDuck;
        let look = in_duck.then(|| self.ledger.now().saturating_add(LOOK_FOR_ARRIVALS));
        let at = [self.wake, self.next_progress, look].into_iter().flatten().min()?;
        Some(Instant::from_std(self.ledger.instant(at)))
    }

    fn say_progress(&mut self) {
        let now = self.ledger.now();
        if self.next_progress.is_some_and(|at| at <= now) {
            let waiting = voice::describe(&self.ledger.waiting());
            let left = self.stop.token().time_left().map(show_duration).unwrap_or_default();
            let phase = self.ledger.phase();
            tracing::info!(lifecycle = self.settings.name, %phase, left, waiting, "still stopping");
            self.next_progress = Some(now.saturating_add(self.settings.progress_every));
        }
    }

    fn conclude(self, report_path: Option<&Path>, failed: Option<ServeError>) -> Result<Report, ServeError> {
        let report = self.ledger.report(self.exit);
        voice::say_report(&report);
        if let Some(path) = report_path
            && let Err(error) = report_file::write(&report, path)
        {
            let path = path.display();
            voice::say_error(self.ledger.name(), &format!("failed to write the report to {path}: {error}"));
        }
        match failed {
            Some(error) => Err(error),
            None if report.exit_code == Exit::Drained.code() => Ok(report),
            None => Err(ServeError::Cut(Box::new(report))),
        }
    }
}
