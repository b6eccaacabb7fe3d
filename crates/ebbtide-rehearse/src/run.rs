//! One run, from the start of the service to its judgement.

use std::time::Duration;

use rustix::process::Rlimit;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::child::{Service, as_sent, signal_state, tail};
use super::conductor::News;
use super::janitor::Janitor;
use super::load::Load;
use super::order::{calibrated, order, settle};
use super::place::{Place, liveness_at, resolve, taken};
use super::probe::{DatabaseProbe, ReadinessProbe};
use super::protocol;
use super::readying::{TAIL, ready};
use super::recognition::recognise;
use super::record::{Endpoint, ReadyState, Record, Shape};
use super::reflection;
use super::sampling::{Sampled, Sampler, logged_ids, temporary_folder};
use super::scenario::{Program, Scenario, ShapePlan, StopAt, run_seed, stop_moment};
use super::service_report;
use super::stopping::{HookPlace, Stopping};
use super::trouble::NotRehearsed;
use super::verdict::{Case, Facts, RunVerdict, Terms, Verdict};
use crate::clock::{At, Clock};

/// How long the load and the probes continue after the exit: long enough to see the last refusals.
const GOES_ON: Duration = Duration::from_millis(100);

/// The observers of the run.
struct Watchers {
    load: Option<Load>,
    readiness: Option<ReadinessProbe>,
    liveness: Option<ReadinessProbe>,
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
    let clock = Clock::start();
    let mut place = tokio::select! {
        place = Place::prepare(scenario, clock) => place?,
        () = interrupted.notified() => return Err(NotRehearsed::Interrupted),
    };
    // The service must have ended before the place is cleared: otherwise it would create its queue again.
    let judged = tokio::select! {
        judged = run_at(&mut place, scenario, number, (files, clock), janitor, news) => judged,
        () = interrupted.notified() => Err(NotRehearsed::Interrupted),
    };
    place.clear().await;
    janitor.forget();
    judged
}

async fn run_at(
    place: &mut Place,
    scenario: &Scenario,
    number: u32,
    (files, clock): (Rlimit, Clock),
    janitor: &mut Janitor,
    news: &mut dyn FnMut(News<'_>),
) -> Result<JudgedRun, NotRehearsed> {
    let seed = run_seed(scenario.seed, number);
    let mut rng = fastrand::Rng::with_seed(seed);
    let addresses = resolve(&place.target).await?;
    let is_running = matches!(scenario.program, Program::Running(_));
    for address in addresses.iter().filter(|_| !is_running) {
        if taken(address).await {
            return Err(NotRehearsed::PortTaken(place.target.name()));
        }
    }
    let database = match &scenario.database {
        Some(url) => Some(DatabaseProbe::start(url, clock).await?),
        None => None,
    };
    let at = scenario.stop.at.drawn(seed);
    let moment = stop_moment(&scenario.stop, at, seed);
    let signal = as_sent(scenario.stop.signal);
    let mut record = Record::default();
    let mut service = place.service(scenario, files, clock, janitor)?;
    let sampled = Sampled {
        family: service.family(),
        log: service.log().to_owned(),
        temporary: temporary_folder(&place.env),
    };
    let sampler = Sampler::start(sampled, clock)?;
    let began = clock.now();
    record.load_began = began;
    let readiness = tokio::select! {
        biased;
        readiness = ready(&mut service, place, &addresses, scenario.ready_limit) => Some(readiness?),
        () = sleep(moment), if at == StopAt::Startup => None,
    };
    if readiness.is_some() {
        record.ready = clock.now();
        news(News::Ready { after: record.ready.since(began) });
    }
    record.signal_state = signal_state(service.pid(), signal).await;
    if let Some(found) = &readiness {
        // No request is sent to a service whose protocol is another one.
        let is_http = scenario.load.shapes.iter().any(|plan| plan.is_http() && !plan.is_call());
        let path = place.ready_path.as_deref().or(is_http.then_some("/"));
        record.servers = recognise(&service, found, path).await;
    }

    let mut watchers = Watchers { load: None, readiness: None, liveness: None, database };
    let (mut shapes, mut state_page, mut liveness) = (Vec::new(), None, None);
    if let Some(found) = readiness.as_ref().filter(|_| at != StopAt::Startup) {
        record.load_began = clock.now();
        if at == StopAt::Load {
            let home = place.address(found.socket.clone());
            let mut plan = scenario.load.clone();
            protocol::check(&plan, &home).await?;
            reflection::resolve(&mut plan, &home).await?;
            let chosen = settle(&mut plan, &home, place.ready_path.as_deref()).await?;
            state_page = chosen.map(|path| (home.socket.clone(), path.to_owned()));
            let crowded = calibrated(&mut plan, &home, &scenario.program, clock).await?;
            let order =
                order(scenario, plan, crowded, &home, place.ready_path.as_deref(), rng.u64(..)).await?;
            shapes = order.plan.shapes.iter().map(ShapePlan::shape).collect();
            record.load_began = clock.now();
            watchers.load = Some(Load::start(order, clock)?);
        }
        let probe = |path| ReadinessProbe::start(found.clone(), path, ReadyState::NoAnswer, clock);
        watchers.readiness = place.ready_path.clone().map(probe);
        if let Some(route) = &scenario.liveness {
            let (to, path) = (liveness_at(route, found).await?, route.path.clone());
            liveness = Some((to.socket.clone(), path.clone()));
            // A connection that no listener accepts says nothing of liveness: a refusal may be lost on its way.
            watchers.liveness = Some(ReadinessProbe::start(to, path, ReadyState::Refused, clock));
        }
    }
    let mut stopping = Stopping {
        plan: &scenario.stop,
        service: &mut service,
        load: watchers.load.as_ref(),
        database: watchers.database.as_ref(),
        relays: place.relays(),
        sampler: &sampler,
        hook: HookPlace { folder: scenario.folder.as_deref(), env: &place.env, log: place.hook_log(), files },
        clock,
    };
    if at != StopAt::Startup {
        stopping.wait(moment, news).await?;
    }
    stopping.stop(&mut record, news).await?;
    let routed_until = record.stop_began() + scenario.stop.min_lame_duck;
    collect(&mut record, &service, place, watchers, routed_until, clock).await?;
    record.observed = sampler.finish(&record).await;
    record.logged = logged_ids(&record, service.log(), place.ids);

    let socket = readiness.map(|found| found.socket).or(addresses.first().cloned());
    let probed = socket.zip(place.ready_path.clone());
    let terms = Terms { state_page, liveness, ..terms(scenario, at, probed, shapes) };
    let case = Case::new(&record, &terms);
    if let Some(unusable) = case.unusable() {
        return Err(unusable.into());
    }
    let mut verdict = case.judge();
    verdict.notes.extend(
        scenario.report.as_deref().and_then(|path| service_report::copy(&place.report(), path).err()),
    );
    let failed = verdict.verdict == Verdict::Fail;
    let facts = Facts::of(&record, if failed { tail(service.log(), TAIL) } else { Vec::new() });
    Ok(JudgedRun { record, terms, verdict, facts })
}

fn terms(
    scenario: &Scenario,
    at: StopAt,
    readiness: Option<(Endpoint, String)>,
    shapes: Vec<Shape>,
) -> Terms {
    Terms {
        signal: scenario.stop.signal,
        grace: scenario.stop.grace,
        expected: scenario.stop.expected.clone(),
        require_readiness: scenario.require_readiness,
        readiness,
        liveness: None,
        state_page: None,
        allow_status: scenario.allow_status.clone(),
        expect_status: scenario.expect_status.clone(),
        shapes,
        phases: scenario.load.phases && at == StopAt::Load,
        store: matches!(scenario.program, Program::Managed(_)),
        at,
        min_lame_duck: scenario.stop.min_lame_duck,
        then: scenario.stop.then,
        to_all: scenario.stop.to_all,
        in_container: scenario.stop.in_container && !scenario.pid_one,
    }
}

/// Completes `record` after the service has ended.
async fn collect(
    record: &mut Record,
    service: &Service,
    place: &mut Place,
    watchers: Watchers,
    routed_until: At,
    clock: Clock,
) -> Result<(), NotRehearsed> {
    let left = service.aftermath(GOES_ON, clock).await;
    (record.orphans, record.cleaned_up) = (left.orphans, left.cleaned_up);
    (record.children_until, record.children_listened) = (left.children_until, left.listened);
    if let Some(load) = watchers.load {
        // Clients of a platform that still routes to the service meet no listener.
        sleep(routed_until.since(clock.now())).await;
        record.traffic = load.stop().await.ok_or(NotRehearsed::Load)?;
    }
    // Those of a service that was attached to are left running, and may have served until now.
    if !record.orphans.is_empty() && record.cleaned_up.is_none() {
        record.children_until = Some(clock.now());
    }
    if let Some(readiness) = watchers.readiness {
        record.readiness = readiness.stop().await;
    }
    if let Some(liveness) = watchers.liveness {
        record.liveness = liveness.stop().await;
    }
    if let (Some(database), Some((exit, _))) = (watchers.database, record.exit) {
        record.database = Some(database.stop(exit).await);
    }
    if let Some(kept) = &place.store {
        let acknowledged: Vec<Box<str>> =
            record.traffic.requests.iter().filter_map(|request| request.order.clone()).collect();
        record.store = Some(kept.look(&acknowledged).await);
    }
    if let Some(relays) = place.take_relays() {
        record.relayed = relays.stop(record.signalled).await.ok_or(NotRehearsed::Relays)?;
    }
    record.report = service_report::read(&place.report());
    Ok(())
}
