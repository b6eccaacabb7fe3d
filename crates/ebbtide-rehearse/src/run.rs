//! One run, from the start of the service to its judgement.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::Rlimit;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::child::{Aftermath, Service, signal_state, tail};
use super::conductor::News;
use super::janitor::Janitor;
use super::load::Load;
use super::order::{calibrated, order, settle};
use super::place::{Place, resolve, taken};
use super::probe::{DatabaseProbe, ReadinessProbe};
use super::protocol;
use super::readying::{TAIL, ready};
use super::record::{Record, Shape};
use super::scenario::{Program, Scenario, ShapePlan, run_seed, signal_moment};
use super::service_report;
use super::trouble::NotRehearsed;
use super::verdict::{Facts, RunVerdict, Terms, Verdict, broken, judge};
use super::wire::Address;
use crate::clock::{At, Clock};

/// How long before the signal the connections of the protocol phases are prepared.
const BRACE: Duration = Duration::from_millis(300);
/// The interval between two progress events.
const TICK: Duration = Duration::from_millis(100);
/// How long the load and the probes continue after the exit: long enough to see the last refusals.
const GOES_ON: Duration = Duration::from_millis(100);

/// The observers of the run.
struct Watchers {
    load: Load,
    readiness: Option<ReadinessProbe>,
    database: Option<DatabaseProbe>,
}

/// A run with its judgement.
pub(super) struct JudgedRun {
    pub(super) record: Record,
    pub(super) terms: Terms,
    pub(super) verdict: RunVerdict,
    pub(super) facts: Facts,
}

/// Rehearses `scenario` once, as run `number` from 0, unless it is `interrupted`.
pub(super) async fn run(
    scenario: &Scenario,
    number: u32,
    files: Rlimit,
    interrupted: &Notify,
    janitor: &mut Janitor,
    news: &mut dyn FnMut(News<'_>),
) -> Result<JudgedRun, NotRehearsed> {
    let place = tokio::select! {
        place = Place::prepare(scenario) => place?,
        () = interrupted.notified() => return Err(NotRehearsed::Interrupted),
    };
    // The service must have ended before the place is cleared: otherwise it would create its queue again.
    let judged = tokio::select! {
        judged = run_at(&place, scenario, number, files, janitor, news) => judged,
        () = interrupted.notified() => Err(NotRehearsed::Interrupted),
    };
    place.clear().await;
    janitor.forget();
    judged
}

async fn run_at(
    place: &Place,
    scenario: &Scenario,
    number: u32,
    files: Rlimit,
    janitor: &mut Janitor,
    news: &mut dyn FnMut(News<'_>),
) -> Result<JudgedRun, NotRehearsed> {
    let seed = run_seed(scenario.seed, number);
    let mut rng = fastrand::Rng::with_seed(seed);
    let addresses = resolve(&place.target).await?;
    for address in &addresses {
        if taken(*address).await {
            return Err(NotRehearsed::PortTaken(place.target.authority()));
        }
    }
    let clock = Clock::start();
    let database = match &scenario.database {
        Some(url) => Some(DatabaseProbe::start(url, clock).await?),
        None => None,
    };
    janitor.watch(place.folder(), None);
    let mut service = Service::start(&place.words, &place.env, &place.log(), files, clock)?;
    janitor.watch(place.folder(), Some(service.pid()));
    let began = clock.now();
    let readiness = ready(&mut service, place, &addresses, scenario.ready_limit).await?;
    let mut record = Record { ready: clock.now(), ..Record::default() };
    news(News::Ready { after: record.ready.since(began) });
    let signal = scenario.stop.signal.signal();
    record.signal_state = signal_state(service.pid(), signal).await;

    let home = place.address(readiness.socket);
    let mut plan = scenario.load.clone();
    protocol::check(&plan, &home).await?;
    settle(&mut plan, &home, place.ready_path.as_deref()).await?;
    let crowded = calibrated(&mut plan, &home, &scenario.program, clock).await?;
    let order = order(scenario, plan, crowded, &home, place.ready_path.as_deref(), rng.u64(..)).await?;
    let shapes = order.plan.shapes.iter().map(ShapePlan::shape).collect();
    let probe = |path| ReadinessProbe::start(readiness, path, clock);
    let readiness = place.ready_path.clone().map(probe);
    record.load_began = clock.now();
    let load = Load::start(order, clock)?;
    let watchers = Watchers { load, readiness, database };

    let moment = signal_moment(&scenario.stop, seed);
    tell(&watchers.load, None, moment.saturating_sub(BRACE), &mut service, news).await?;
    watchers.load.brace();
    tell(&watchers.load, None, moment.min(BRACE), &mut service, news).await?;
    record.signalled = clock.now();
    // First: what the clients see from here on is not "before the signal", however fast the process ends.
    watchers.load.signalled();
    service.signal(signal);
    news(News::Signalled { signal: scenario.stop.signal.name(), grace: scenario.stop.grace });
    if let Some(database) = &watchers.database {
        database.signalled(record.signalled);
    }
    end(&mut record, &mut service, &watchers.load, scenario.stop.grace, clock, news).await?;
    collect(&mut record, &service, place, watchers, clock).await?;

    let terms = terms(scenario, &home, place.ready_path.as_deref(), shapes);
    if let Some(why) = broken(&record, &terms) {
        return Err(NotRehearsed::Baseline(why));
    }
    let mut verdict = judge(&record, &terms);
    verdict.notes.extend(
        scenario.report.as_deref().and_then(|path| service_report::copy(&place.report(), path).err()),
    );
    let failed = verdict.verdict == Verdict::Fail;
    let facts = Facts {
        signal_after_load_ms: record.signalled.ms_from(record.load_began),
        report: record.report.clone(),
        output_tail: if failed { tail(service.log(), TAIL) } else { Vec::new() },
    };
    Ok(JudgedRun { record, terms, verdict, facts })
}

/// Waits for `time` before the signal, and reports the progress of the load.
async fn tell(
    load: &Load,
    signalled: Option<(At, Clock)>,
    time: Duration,
    service: &mut Service,
    news: &mut dyn FnMut(News<'_>),
) -> Result<(), NotRehearsed> {
    let log = service.log().to_owned();
    tokio::select! {
        () = sleep(time) => Ok(()),
        () = ticks(load, signalled, news) => Ok(()),
        ended = service.ended() => {
            let (when, (_, ended)) = ("under load, before the signal", ended?);
            Err(NotRehearsed::EndedEarly { when, ended, left: Vec::new(), tail: tail(&log, TAIL) })
        }
    }
}

/// Waits until the service exits; sends SIGKILL to its process group when the grace period has ended.
async fn end(
    record: &mut Record,
    service: &mut Service,
    load: &Load,
    grace: Duration,
    clock: Clock,
    news: &mut dyn FnMut(News<'_>),
) -> Result<(), NotRehearsed> {
    let in_time = tokio::select! {
        biased;
        ended = service.ended() => Some(ended?),
        () = sleep(grace) => None,
        () = ticks(load, Some((record.signalled, clock)), news) => None,
    };
    record.exit = Some(match in_time {
        Some(ended) => ended,
        None => {
            record.killed = Some(clock.now());
            service.kill();
            service.ended().await?
        }
    });
    Ok(())
}

/// Reports the progress of the load; never returns.
async fn ticks(load: &Load, signalled: Option<(At, Clock)>, news: &mut dyn FnMut(News<'_>)) {
    loop {
        let gauge = load.gauge();
        news(News::Loading {
            answered: gauge.answered.load(Ordering::Relaxed),
            in_flight: gauge.in_flight.load(Ordering::Relaxed),
            lost: gauge.lost.load(Ordering::Relaxed),
            since_signal: signalled.map(|(at, clock)| clock.now().since(at)),
        });
        sleep(TICK).await;
    }
}

fn terms(scenario: &Scenario, home: &Address, ready_path: Option<&str>, shapes: Vec<Shape>) -> Terms {
    Terms {
        signal: scenario.stop.signal,
        grace: scenario.stop.grace,
        expected: scenario.stop.expected.clone(),
        require_readiness: scenario.require_readiness,
        readiness: ready_path.map(|path| (home.socket, path.to_owned())),
        allow_status: scenario.allow_status.clone(),
        expect_status: scenario.expect_status.clone(),
        shapes,
        phases: scenario.load.phases,
        store: matches!(scenario.program, Program::Managed(_)),
    }
}

/// Completes `record` after the service has ended.
async fn collect(
    record: &mut Record,
    service: &Service,
    place: &Place,
    watchers: Watchers,
    clock: Clock,
) -> Result<(), NotRehearsed> {
    let left = Aftermath::watch(service.pid(), GOES_ON, clock).await;
    (record.orphans, record.cleaned_up) = (left.orphans, left.cleaned_up);
    (record.children_until, record.children_listened) = (left.children_until, left.listened);
    record.traffic = watchers.load.stop().await.ok_or(NotRehearsed::Load)?;
    if let Some(readiness) = watchers.readiness {
        record.readiness = readiness.stop().await;
    }
    if let (Some(database), Some((exit, _))) = (watchers.database, record.exit) {
        record.database = Some(database.stop(exit).await);
    }
    if let Some(kept) = &place.store {
        let acknowledged: Vec<Box<str>> =
            record.traffic.requests.iter().filter_map(|request| request.order.clone()).collect();
        record.store = Some(kept.look(&acknowledged).await);
    }
    record.report = service_report::read(&place.report());
    Ok(())
}
