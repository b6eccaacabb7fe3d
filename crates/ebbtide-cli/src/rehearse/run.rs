//! One run, from the start of the service to its judgement.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::Rlimit;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::address::{first, resolve, taken};
use super::aftermath::{Watchers, collect, note_signal_state};
use super::child::{Service, tail};
use super::held::held;
use super::load::{Address, Load, LoadOrder};
use super::news::News;
use super::place::Place;
use super::probe::{DatabaseProbe, ReadinessProbe};
use super::readying::{TAIL, ready};
use super::record::Record;
use super::scenario::{Program, Route, Scenario, ShapePlan, run_seed, signal_moment};
use super::trouble::NotRehearsed;
use super::verdict::{Facts, RunVerdict, Terms, Verdict, judge};
use crate::clock::{At, Clock};

/// How long before the signal connections are brought into the phases they are held in.
const BRACE: Duration = Duration::from_millis(300);
/// The time between two pieces of news.
const TICK: Duration = Duration::from_millis(100);

/// Rehearses `scenario` once, as run `number` from 0, unless it is `interrupted`.
pub(super) async fn run(
    scenario: &Scenario,
    number: u32,
    files: Rlimit,
    interrupted: &Notify,
    news: &mut dyn FnMut(News<'_>),
) -> Result<(Record, RunVerdict, Facts), NotRehearsed> {
    let place = tokio::select! {
        place = Place::prepare(scenario) => place?,
        () = interrupted.notified() => return Err(NotRehearsed::Interrupted),
    };
    // Either way the service is gone before the place is cleared: it would make its queue anew.
    let judged = tokio::select! {
        judged = run_at(&place, scenario, number, files, news) => judged,
        () = interrupted.notified() => Err(NotRehearsed::Interrupted),
    };
    place.clear().await;
    judged
}

async fn run_at(
    place: &Place,
    scenario: &Scenario,
    number: u32,
    files: Rlimit,
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
    let mut service = Service::start(&place.words, &place.env, &place.log(), files, clock)?;
    let began = clock.now();
    let socket = ready(&mut service, place, &addresses, scenario.ready_limit).await?;
    let mut record = Record { ready: clock.now(), ..Record::default() };
    news(News::Ready { after: record.ready.since(began) });
    let signal = scenario.stop.signal.signal();
    note_signal_state(&mut record, &service, signal).await;

    let home = Address { socket, authority: place.target.authority() };
    let order = order(scenario, &home, place.ready_path.as_deref(), rng.u64(..)).await?;
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
    collect(&mut record, &service, place, watchers).await?;

    let verdict = judge(&record, &terms(scenario));
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
            Err(NotRehearsed::EndedEarly { when, ended, tail: tail(&log, TAIL) })
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

/// The load with every address resolved.
async fn order(
    scenario: &Scenario,
    home: &Address,
    ready_path: Option<&str>,
    seed: u64,
) -> Result<LoadOrder, NotRehearsed> {
    let plan = scenario.load.clone();
    let mut addresses = Vec::new();
    for shape in plan.shapes.iter().map(ShapePlan::shape) {
        addresses.push(match plan.route(shape).and_then(|route| route.target.as_ref()) {
            Some(target) => first(target).await?,
            None => home.clone(),
        });
    }
    // The demo's readiness is red after the signal: its phases are held on a route that is answered to the end.
    let demo = matches!(scenario.program, Program::Demo(_));
    let plain = if demo { "/ping" } else { ready_path.unwrap_or("/") };
    let held = held(&plan, &addresses, home, &Route::get(plain));
    Ok(LoadOrder { plan, addresses, held, seed })
}

fn terms(scenario: &Scenario) -> Terms {
    Terms {
        signal: scenario.stop.signal,
        grace: scenario.stop.grace,
        expected: scenario.stop.expected,
        require_readiness: scenario.require_readiness,
        shapes: scenario.load.shapes.iter().map(ShapePlan::shape).collect(),
        phases: scenario.load.phases,
    }
}
