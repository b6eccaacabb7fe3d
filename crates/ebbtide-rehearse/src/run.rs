//! One run, from the start of the service to its judgement.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::Rlimit;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::address::{first, resolve, taken};
use super::aftermath::{Watchers, collect, note_signal_state};
use super::calibrate::{PHASES, calibrate, connections, fit};
use super::child::{Service, tail};
use super::held::held;
use super::janitor::Janitor;
use super::load::{Address, Load, LoadOrder};
use super::news::News;
use super::place::Place;
use super::probe::{DatabaseProbe, ReadinessProbe};
use super::readying::{TAIL, ready};
use super::record::{Record, Shape};
use super::routes::settle;
use super::scenario::{LoadPlan, Program, Route, Scenario, ShapePlan, run_seed, signal_moment};
use super::trouble::NotRehearsed;
use super::verdict::{Facts, RunVerdict, Terms, Verdict, broken, judge};
use crate::clock::{At, Clock};
use crate::words;

/// How long before the signal connections are brought into the phases they are held in.
const BRACE: Duration = Duration::from_millis(300);
/// No more connections than this are tried at once.
const CONNECTIONS: u32 = 300;
/// The time between two pieces of news.
const TICK: Duration = Duration::from_millis(100);

/// Rehearses `scenario` once, as run `number` from 0, unless it is `interrupted`.
pub(super) async fn run(
    scenario: &Scenario,
    number: u32,
    files: Rlimit,
    interrupted: &Notify,
    janitor: &mut Janitor,
    news: &mut dyn FnMut(News<'_>),
) -> Result<(Record, RunVerdict, Facts), NotRehearsed> {
    let place = tokio::select! {
        place = Place::prepare(scenario) => place?,
        () = interrupted.notified() => return Err(NotRehearsed::Interrupted),
    };
    // Either way the service is gone before the place is cleared: it would make its queue anew.
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
) -> Result<(Record, RunVerdict, Facts), NotRehearsed> {
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
    let socket = ready(&mut service, place, &addresses, scenario.ready_limit).await?;
    let mut record = Record { ready: clock.now(), ..Record::default() };
    news(News::Ready { after: record.ready.since(began) });
    let signal = scenario.stop.signal.signal();
    note_signal_state(&mut record, &service, signal).await;

    let home = Address { socket, authority: place.target.authority() };
    let mut plan = scenario.load.clone();
    settle(&mut plan, socket, &home.authority, place.ready_path.as_deref()).await?;
    let crowded = calibrated(&mut plan, &home, &scenario.program, clock).await?;
    let order = order(scenario, plan, crowded, &home, place.ready_path.as_deref(), rng.u64(..)).await?;
    let shapes = order.plan.shapes.iter().map(ShapePlan::shape).collect();
    let probe = |path| ReadinessProbe::start(socket, home.authority.clone(), path, clock);
    let readiness = place.ready_path.clone().map(probe);
    record.load_began = clock.now();
    let load = Load::start(order, clock)?;
    let watchers = Watchers { load, readiness, database };

    let moment = signal_moment(&scenario.stop, seed);
    tell(&watchers.load, None, moment.saturating_sub(BRACE), &mut service, news).await?;
    watchers.load.brace();
    tell(&watchers.load, None, moment.min(BRACE), &mut service, news).await?;
    record.signalled = clock.now();
    service.signal(signal);
    watchers.load.signalled();
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
    let verdict = judge(&record, &terms);
    let failed = verdict.verdict == Verdict::Fail;
    let facts = Facts {
        signal_after_load_ms: record.signalled.ms_from(record.load_began),
        output_tail: if failed { tail(service.log(), TAIL) } else { Vec::new() },
    };
    Ok((record, verdict, facts))
}

/// Lets `time` pass before the signal, telling how the load fares.
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

/// Waits for the end of the service; sends SIGKILL to its process group when the grace period is over.
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

/// Tells how the load fares, for ever.
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

/// Fits `plan` to the service, and tells why no connection can be held in the phases of the protocol, if so. A managed
/// service is known: it carries all of it.
async fn calibrated(
    plan: &mut LoadPlan,
    home: &Address,
    program: &Program,
    clock: Clock,
) -> Result<Option<String>, NotRehearsed> {
    if matches!(program, Program::Managed(_)) {
        return Ok(None);
    }
    let usual = [Shape::Storm, Shape::Keepalive, Shape::Open].into_iter().find_map(|shape| plan.route(shape));
    let Some(route) = usual.cloned() else { return Ok(None) };
    let to = match &route.target {
        Some(target) => first(target).await?,
        None => home.clone(),
    };
    let phases = if plan.phases { PHASES } else { 0 };
    let served = if plan.fitted.any() {
        let sockets = u32::try_from(plan.sockets()).unwrap_or(u32::MAX);
        let capacity = calibrate(&to, &route, sockets.min(CONNECTIONS), clock).await;
        fit(plan, capacity);
        capacity.connections
    } else {
        connections(&to, &route, phases, clock).await
    };
    Ok(served.filter(|count| *count < phases.saturating_mul(2)).map(|count| {
        let count = words::plural(count.into(), "open connection", "open connections");
        format!("the service answers no other request beside {count}, and each phase holds one")
    }))
}

/// The load with every address resolved.
async fn order(
    scenario: &Scenario,
    plan: LoadPlan,
    crowded: Option<String>,
    home: &Address,
    ready_path: Option<&str>,
    seed: u64,
) -> Result<LoadOrder, NotRehearsed> {
    let mut addresses = Vec::new();
    for shape in plan.shapes.iter().map(ShapePlan::shape) {
        addresses.push(match plan.route(shape).and_then(|route| route.target.as_ref()) {
            Some(target) => first(target).await?,
            None => home.clone(),
        });
    }
    // Readiness is red after the signal: phases are held on a route that is answered to the end, where one is known.
    let plain = match &scenario.program {
        Program::Managed(service) => service.steady_path(),
        Program::Command(_) => ready_path.unwrap_or("/"),
    };
    let held = match crowded {
        Some(why) => Err(why),
        None => Ok(held(&plan, &addresses, home, &Route::get(plain))),
    };
    Ok(LoadOrder { plan, addresses, held, seed })
}

fn terms(scenario: &Scenario, home: &Address, ready_path: Option<&str>, shapes: Vec<Shape>) -> Terms {
    Terms {
        signal: scenario.stop.signal,
        grace: scenario.stop.grace,
        expected: scenario.stop.expected.clone(),
        require_readiness: scenario.require_readiness,
        readiness: ready_path.map(|path| (home.socket, path.to_owned())),
        allow_status: scenario.allow_status.clone(),
        shapes,
        phases: scenario.load.phases,
        store: matches!(scenario.program, Program::Managed(_)),
    }
}
