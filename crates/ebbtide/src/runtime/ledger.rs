use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::guarded_work::GuardedWork;
use super::messages::WaitingComponent;
use super::{FlushSlot, Temporaries};
use crate::drain::{Work, WorkCounts};
use crate::model::{
    Cause, ComponentId, ComponentReport, ComponentSnapshot, Effect, Event, Exit, Machine, Phase, Plan,
    Report, Snapshot, Spec, Stage, StopSnapshot, Straggler,
};
use crate::util::clock;

/// The state machine and the additional data for the report. It is shared with the watchdog, which reads it when the runtime is
/// blocked.
#[derive(Debug)]
pub(crate) struct LifecycleLedger {
    name: String,
    epoch: Instant,
    state: Mutex<LedgerState>,
    flushers: Mutex<Vec<Arc<FlushSlot>>>,
    temporaries: Temporaries,
    /// The first signal that the watchdog received, and its time. The machine receives it only when the runtime runs.
    signal: OnceLock<(Cause, Duration)>,
    /// Whether the report was logged on the forced path.
    told: AtomicBool,
    /// Whether the attempt to write the report file has finished, successfully or not.
    written: AtomicBool,
}

/// The works are copied before they are queried, because a query must not run under the lock.
#[derive(Clone)]
struct LedgerState {
    machine: Machine,
    works: BTreeMap<ComponentId, ComponentWork>,
}

/// The recorded work of one component.
#[derive(Clone)]
struct ComponentWork {
    work: Arc<GuardedWork>,
    at_stop: Option<WorkCounts>,
    stragglers: Vec<Straggler>,
}

impl LifecycleLedger {
    pub(crate) fn new(name: String, plan: Plan) -> Self {
        let state = LedgerState { machine: Machine::new(plan), works: BTreeMap::new() };
        Self {
            name,
            epoch: clock::now(),
            state: Mutex::new(state),
            flushers: Mutex::default(),
            temporaries: Temporaries::default(),
            signal: OnceLock::new(),
            told: AtomicBool::new(false),
            written: AtomicBool::new(false),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the time since the start of the lifecycle.
    pub(crate) fn now(&self) -> Duration {
        clock::now().saturating_duration_since(self.epoch)
    }

    /// Converts a time of the machine to an instant.
    pub(crate) fn instant(&self, at: Duration) -> Instant {
        clock::after(self.epoch, at)
    }

    pub(crate) fn step(&self, event: Event) -> Vec<Effect> {
        let now = self.now();
        let mut state = self.lock();
        let before = state.machine.stop_began();
        let effects = state.machine.step(event, now);
        let begins_stop = before.is_none() && state.machine.stop_began().is_some();
        drop(state);
        if begins_stop {
            self.count_at_stop();
        }
        effects
    }

    fn count_at_stop(&self) {
        for (id, work) in self.works() {
            let counts = work.counts();
            if let Some(kept) = self.lock().works.get_mut(&id) {
                kept.at_stop = Some(counts);
            }
        }
    }

    pub(crate) fn plan(&self) -> Plan {
        self.lock().machine.plan().clone()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.lock().machine.phase()
    }

    /// Returns the phase, and when it began.
    pub(super) fn phase_since(&self) -> (Phase, Duration) {
        let state = self.lock();
        let began = state.machine.timeline().last().map_or(Duration::ZERO, |change| change.at);
        (state.machine.phase(), began)
    }

    pub(crate) fn stop_began(&self) -> Option<Duration> {
        self.lock().machine.stop_began()
    }

    /// Records the first signal, for the report if the runtime never processes it.
    pub(super) fn note_signal(&self, number: i32, at: Instant) {
        let at = at.saturating_duration_since(self.epoch);
        let _ = self.signal.set((Cause::Signal { number }, at)); // the first one counts
    }

    /// Returns the cause and the time of the shutdown, including a signal that the machine has not processed.
    pub(super) fn stop_ordered(&self) -> Option<(Cause, Duration)> {
        self.ordered(&self.lock().machine)
    }

    fn ordered(&self, machine: &Machine) -> Option<(Cause, Duration)> {
        machine.cause().cloned().zip(machine.stop_began()).or_else(|| self.signal.get().cloned())
    }

    pub(crate) fn cause(&self) -> Option<Cause> {
        self.lock().machine.cause().cloned()
    }

    /// Returns whether a signal has arrived: the one that began the shutdown, or a later one.
    pub(crate) fn was_signalled(&self) -> bool {
        self.lock().machine.was_signalled()
    }

    /// Returns whether a component of the stage has not ended.
    pub(crate) fn is_open(&self, stage: Stage) -> bool {
        self.lock().machine.is_open(stage)
    }

    /// Returns the name of the last registered component among the recorded ones.
    pub(crate) fn last_registered(&self) -> String {
        let state = self.lock();
        state.machine.components().next_back().map_or_else(String::new, |(_, spec, _)| spec.name.clone())
    }

    /// Returns the outcome of an ended component as one word.
    pub(crate) fn outcome(&self, id: ComponentId) -> Option<&'static str> {
        self.lock().machine.outcome(id).map(crate::model::Outcome::name)
    }

    /// Records a component's work for the report.
    pub(crate) fn keep_work(&self, id: ComponentId, name: &str, work: Arc<dyn Work>) {
        let work = Arc::new(GuardedWork::new(name.to_owned(), work));
        let at_stop = self.stop_began().map(|_| work.counts());
        self.lock().works.insert(id, ComponentWork { work, at_stop, stragglers: Vec::new() });
    }

    /// Returns the components that count work in flight, with their counts.
    #[cfg(feature = "metrics")]
    pub(super) fn counting(&self) -> Vec<(Spec, Arc<GuardedWork>)> {
        let state = self.lock();
        let counting = state.works.iter().filter_map(|(id, account)| {
            let spec = state.machine.component(*id)?;
            Some((spec.clone(), Arc::clone(&account.work)))
        });
        counting.collect()
    }

    /// Records the current work of a component as its work in flight at the deadline.
    pub(crate) fn keep_stragglers(&self, id: ComponentId) -> Vec<Straggler> {
        let Some(account) = self.account(id) else { return Vec::new() };
        let stragglers = account.work.stragglers();
        if let Some(kept) = self.lock().works.get_mut(&id) {
            kept.stragglers.clone_from(&stragglers);
        }
        stragglers
    }

    /// Prepares every component for the end of the process; see [`Work::prepare_for_exit`].
    pub(crate) fn prepare_for_exit(&self) {
        self.works().into_iter().for_each(|(_, work)| work.prepare_for_exit());
    }

    /// Returns how much work of a component was cancelled since the shutdown began.
    pub(crate) fn cancelled_since_stop(&self, id: ComponentId) -> u64 {
        let Some(account) = self.account(id) else { return 0 };
        account.at_stop.map_or(0, |at_stop| account.work.cancelled().saturating_sub(at_stop.cancelled))
    }

    pub(crate) fn in_flight(&self, id: ComponentId) -> u64 {
        self.account(id).map_or(0, |account| account.work.in_flight())
    }

    pub(crate) fn component_name(&self, id: ComponentId) -> String {
        self.component(id).map_or_else(String::new, |spec| spec.name)
    }

    /// Returns a component, unless it was only counted at its end.
    pub(crate) fn component(&self, id: ComponentId) -> Option<Spec> {
        self.lock().machine.component(id).cloned()
    }

    /// Returns whether a component of this name and stage is registered.
    pub(crate) fn has_component(&self, name: &str, stage: Stage) -> bool {
        let state = self.lock();
        state.machine.components().any(|(_, spec, _)| spec.stage == stage && spec.name == name)
    }

    /// Returns whether a component belongs to a stage and has no separate deadline.
    pub(crate) fn is_whole_stage(&self, id: ComponentId, stage: Stage) -> bool {
        self.component(id).is_some_and(|spec| spec.stage == stage && spec.limit.is_none())
    }

    pub(crate) fn keep_flusher(&self, flusher: Arc<FlushSlot>) {
        self.flushers.lock().unwrap_or_else(PoisonError::into_inner).push(flusher);
    }

    /// Returns the flushers.
    pub(crate) fn flushers(&self) -> Vec<Arc<FlushSlot>> {
        self.slots(false)
    }

    /// Returns the exit hooks, which run after everything else.
    pub(crate) fn lasts(&self) -> Vec<Arc<FlushSlot>> {
        self.slots(true)
    }

    /// Returns the temporary files, which are removed on every path out of the process.
    pub(crate) fn temporaries(&self) -> &Temporaries {
        &self.temporaries
    }

    fn slots(&self, last: bool) -> Vec<Arc<FlushSlot>> {
        let slots = self.flushers.lock().unwrap_or_else(PoisonError::into_inner);
        slots.iter().filter(|slot| slot.is_last() == last).map(Arc::clone).collect()
    }

    /// Returns `true` for the first caller that logs the report on the forced path.
    pub(crate) fn claim_exit_report(&self) -> bool {
        !self.told.swap(true, Ordering::SeqCst)
    }

    /// Records that the attempt to write the report file has finished, successfully or not.
    pub(crate) fn report_is_written(&self) {
        self.written.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_report_written(&self) -> bool {
        self.written.load(Ordering::SeqCst)
    }

    /// Returns whether the report was logged on the forced path.
    pub(crate) fn is_exit_reported(&self) -> bool {
        self.told.load(Ordering::SeqCst)
    }

    /// Returns the components that the shutdown waits for. Components of later stages come last.
    pub(crate) fn waiting(&self) -> Vec<WaitingComponent> {
        let state = self.lock();
        let waiting = state.machine.waiting();
        drop(state);
        let works = self.works();
        let describe = |progress: crate::model::Progress| {
            let work = works.get(&progress.id);
            WaitingComponent {
                name: progress.name,
                asked: progress.asked,
                in_flight: work.map_or(0, |work| work.in_flight()),
                requeued: work.map_or(0, |work| work.requeued_ids().len()),
                stragglers: work.map_or_else(Vec::new, |work| work.stragglers()),
            }
        };
        let mut waiting: Vec<WaitingComponent> = waiting.into_iter().map(describe).collect();
        waiting.sort_by_key(|one| !one.asked);
        waiting
    }

    /// Builds the report. `exit` is given if something other than the machine ends the process.
    pub(crate) fn report(&self, exit: Option<Exit>) -> Report {
        let now = self.now();
        let state = self.lock().clone();
        let machine = &state.machine;
        let end = machine.timeline().iter().find(|change| change.phase == Phase::Exited);
        let components = machine.components().map(|(id, spec, outcome)| {
            let account = state.works.get(&id);
            let at_stop = account.and_then(|account| account.at_stop).unwrap_or_default();
            let counts = account.map(|account| account.work.counts()).unwrap_or_default();
            let since = counts.since(&at_stop);
            // Work that was counted and then discarded, such as a partial TLS record without a request, is subtracted again.
            let in_flight_at_stop =
                at_stop.in_flight.saturating_sub(at_stop.begun.saturating_sub(counts.begun));
            let mut stragglers = account.map(|account| account.stragglers.clone()).unwrap_or_default();
            if (outcome.is_none() || stragglers.is_empty())
                && let Some(account) = account
            {
                stragglers = account.work.stragglers();
            }
            let mut report = ComponentReport::new(spec.name.as_str(), spec.stage);
            report.outcome = outcome.cloned();
            report.in_flight_at_stop = in_flight_at_stop;
            report.begun = since.begun;
            report.in_flight = since.in_flight;
            report.finished = since.finished;
            report.ended_early = since.ended_early;
            report.cancelled = since.cancelled;
            report.failed = since.failed;
            report.abandoned = since.abandoned;
            report.requeued = since.requeued;
            report.stragglers = stragglers;
            report.requeued_ids = account.map(|account| account.work.requeued_ids()).unwrap_or_default();
            report.unsettled = account.map(|account| account.work.unsettled()).unwrap_or_default();
            report.redelivered = since.redelivered;
            report
        });
        let (cause, began) = self.ordered(machine).map_or((None, now), |(cause, began)| (Some(cause), began));
        let mut report = Report::new(self.name.as_str(), machine.plan().clone());
        report.cause = cause;
        report.exit_code = exit.unwrap_or_else(|| machine.verdict()).code();
        report.stop = end.map_or(now, |change| change.at).saturating_sub(began);
        report.phases = machine.timeline().to_vec();
        report.components = components.collect();
        report.ended_by_themselves = machine.ended_by_themselves();
        report
    }

    /// Returns the current state of every component. Queries every component.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let now = self.now();
        let state = self.lock().clone();
        let machine = &state.machine;
        let stop = stop_of(machine, now);
        let components = machine.components().zip(machine.states());
        let components = components.map(|((id, spec, outcome), (_, _, progress))| {
            let work = state.works.get(&id).map(|account| &account.work);
            let counts = work.map(|work| work.counts()).unwrap_or_default();
            let mut snapshot = ComponentSnapshot::new(spec.name.as_str(), spec.stage, progress);
            snapshot.outcome = outcome.cloned();
            snapshot.in_flight = counts.in_flight;
            snapshot.finished = counts.finished;
            snapshot.cancelled = counts.cancelled;
            snapshot.requeued = work.map_or(0, |work| work.requeued_ids().len());
            snapshot.unsettled = work.map_or(0, |work| work.unsettled().len());
            snapshot.redelivered = counts.redelivered;
            snapshot.stragglers = work.map(|work| work.stragglers()).unwrap_or_default();
            snapshot
        });
        let mut snapshot = Snapshot::new(self.name.as_str());
        snapshot.phase = machine.phase();
        snapshot.age = now;
        snapshot.phases = machine.timeline().to_vec();
        snapshot.stop = stop;
        snapshot.components = components.collect();
        snapshot.ended_by_themselves = machine.ended_by_themselves();
        snapshot
    }

    /// Returns the state of the shutdown, once one has begun.
    #[cfg(feature = "metrics")]
    pub(crate) fn stop_snapshot(&self) -> Option<StopSnapshot> {
        stop_of(&self.lock().machine, self.now())
    }

    /// Returns the works. They are queried outside the lock.
    fn works(&self) -> BTreeMap<ComponentId, Arc<GuardedWork>> {
        self.lock().works.iter().map(|(id, account)| (*id, Arc::clone(&account.work))).collect()
    }

    fn account(&self, id: ComponentId) -> Option<ComponentWork> {
        self.lock().works.get(&id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, LedgerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stop_of(machine: &Machine, now: Duration) -> Option<StopSnapshot> {
    machine.cause().zip(machine.stop_began()).map(|(cause, began)| {
        let left = began.saturating_add(machine.plan().deadline).saturating_sub(now);
        StopSnapshot::new(cause.clone(), now.saturating_sub(began), left)
    })
}

impl std::fmt::Debug for LedgerState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LedgerState").field("machine", &self.machine).finish_non_exhaustive()
    }
}
