//! A simulation of the machine with components of arbitrary behaviour.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ebbtide_core::model::{
    Budget, Cause, ComponentId, Effect, End, Event, Exit, Kind, LameDuck, Machine, Outcome, Phase, Plan,
    Platform, Spec, Stage,
};
use proptest::prelude::*;

/// The behaviour of a simulated component. Times are in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    /// Ends this long after it was asked; a pool, after it was closed, or when it is cancelled if it never was.
    EndsAfterAsk(u64),
    /// Ends when it is cancelled.
    EndsWhenCancelled,
    /// Ends when it is aborted.
    EndsWhenAborted,
    /// Blocks its thread for ever.
    NeverEnds,
    /// Fails this long after its registration, asked or not.
    FailsAfter(u64),
    /// Panics this long after its registration, asked or not.
    PanicsAfter(u64),
    /// Returns this long after its registration, asked or not.
    ReturnsAfter(u64),
}

#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) stage: Stage,
    pub(crate) kind: Kind,
    pub(crate) limit: Option<u64>,
    pub(crate) born: u64,
    pub(crate) does: Does,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) start_up: Does,
    pub(crate) parts: Vec<Part>,
    pub(crate) outside: Vec<(u64, Event)>,
    pub(crate) plan: Plan,
}

/// The record of a run.
pub(crate) struct Run {
    pub(crate) machine: Machine,
    pub(crate) effects: Vec<(Duration, Effect)>,
    pub(crate) stop_at: Duration,
    pub(crate) second_signal: Option<Duration>,
    /// The id of each part.
    pub(crate) ids: BTreeMap<usize, ComponentId>,
    /// The components that were registered before the exit.
    pub(crate) specs: BTreeMap<ComponentId, Spec>,
    pub(crate) registered_at: BTreeMap<ComponentId, Duration>,
    /// When the machine considered each component ended.
    pub(crate) ended_at: BTreeMap<ComponentId, Duration>,
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        6 => (0..3000u64).prop_map(Does::EndsAfterAsk),
        1 => (3000..60_000u64).prop_map(Does::EndsAfterAsk),
        1 => Just(Does::EndsWhenCancelled),
        1 => Just(Does::EndsWhenAborted),
        1 => Just(Does::NeverEnds),
        1 => (0..30_000u64).prop_map(Does::FailsAfter),
        1 => (0..30_000u64).prop_map(Does::PanicsAfter),
        1 => (0..30_000u64).prop_map(Does::ReturnsAfter),
    ]
}

pub(crate) fn part() -> impl Strategy<Value = Part> {
    let place = prop_oneof![
        Just((Stage::Intake, Kind::Service)),
        Just((Stage::Intake, Kind::Teardown)),
        Just((Stage::Servers, Kind::Service)),
        Just((Stage::Workers, Kind::Service)),
        Just((Stage::Workers, Kind::Pool)),
        Just((Stage::Workers, Kind::Finite)),
        Just((Stage::Resources, Kind::Teardown)),
        Just((Stage::Telemetry, Kind::Teardown)),
        Just((Stage::Telemetry, Kind::Probe)),
        Just((Stage::Telemetry, Kind::Last)),
    ];
    let born = prop_oneof![4 => Just(0u64), 1 => 0..20_000u64];
    (place, prop::option::weighted(0.2, 1..5000u64), born, does()).prop_map(
        |((stage, kind), limit, born, does)| {
            // A teardown does not run before it is asked, so it cannot fail earlier.
            let does = match (kind, does) {
                (
                    Kind::Teardown | Kind::Last,
                    Does::FailsAfter(t) | Does::PanicsAfter(t) | Does::ReturnsAfter(t),
                ) => Does::EndsAfterAsk(t),
                (_, does) => does,
            };
            Part { stage, kind, limit, born, does }
        },
    )
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let platform = prop_oneof![Just(Platform::Kubernetes), Just(Platform::Plain), Just(Platform::Nomad)];
    (platform, any::<bool>()).prop_map(|(platform, duck)| {
        let mut budget = Budget::of(platform);
        budget.lame_duck = if duck { None } else { Some(LameDuck::NONE) };
        budget.plan().expect("the default fits")
    })
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let outside = prop_oneof![
        3 => any::<bool>().prop_map(|skip_lame_duck| Event::Signal { number: 15, skip_lame_duck, at: Duration::MAX }),
        1 => Just(Event::Stop { cause: Cause::Requested { reason: "test".into() }, at: Duration::MAX }),
        3 => Just(Event::Arrival),
        1 => Just(Event::Tick),
    ];
    let start_up = prop_oneof![4 => (0..5000u64).prop_map(Does::ReturnsAfter), 1 => does()];
    (
        start_up,
        prop::collection::vec(part(), 0..9),
        prop::collection::vec((0..40_000u64, outside), 0..6),
        plan(),
    )
        .prop_map(|(start_up, parts, outside, plan)| World { start_up, parts, outside, plan })
}

/// Runs a world to its end; a signal at 50 s guarantees that it ends.
pub(crate) fn play(world: &World) -> Run {
    let mut machine = Machine::new(world.plan.clone());
    let mut queue: BTreeMap<(Duration, usize), Item> = BTreeMap::new();
    let mut order = 0;
    let mut push = |queue: &mut BTreeMap<(Duration, usize), Item>, at: Duration, item: Item| {
        queue.insert((at, order), item);
        order += 1;
    };
    let mut run = Run {
        machine: machine.clone(),
        effects: Vec::new(),
        stop_at: Duration::MAX,
        second_signal: None,
        ids: BTreeMap::new(),
        specs: BTreeMap::new(),
        registered_at: BTreeMap::new(),
        ended_at: BTreeMap::new(),
    };
    let mut next_id = 0;
    let mut acts: BTreeMap<ComponentId, Does> = BTreeMap::new();
    // The pools that are still open.
    let mut pools: BTreeSet<ComponentId> = BTreeSet::new();
    let mut first_signal = None;
    push(&mut queue, Duration::ZERO, Item::Born(None));
    for n in 0..world.parts.len() {
        push(&mut queue, ms(world.parts[n].born), Item::Born(Some(n)));
    }
    for (at, event) in &world.outside {
        push(&mut queue, ms(*at), Item::Event(event.clone()));
    }
    push(
        &mut queue,
        ms(50_000),
        Item::Event(Event::Signal { number: 15, skip_lame_duck: false, at: Duration::MAX }),
    );
    while let Some(((now, _), item)) = queue.pop_first() {
        let event = match item {
            Item::Event(event) => event,
            Item::Born(n) => {
                let id = ComponentId(next_id);
                next_id += 1;
                let (spec, does) = match n {
                    None => (Spec::new("start-up", Stage::Intake, Kind::StartUp), world.start_up),
                    Some(n) => {
                        run.ids.insert(n, id);
                        let part = &world.parts[n];
                        let mut spec = Spec::new(format!("part {n}"), part.stage, part.kind);
                        spec.limit = part.limit.map(ms);
                        (spec, part.does)
                    }
                };
                acts.insert(id, does);
                if spec.kind == Kind::Pool {
                    pools.insert(id);
                }
                run.registered_at.insert(id, now);
                if machine.exit().is_none() {
                    run.specs.insert(id, spec.clone());
                }
                let end = match does {
                    Does::FailsAfter(at) => Some((at, End::Failed("test".into()))),
                    Does::PanicsAfter(at) => Some((at, End::Panicked("test".into()))),
                    Does::ReturnsAfter(at) => Some((at, End::Done { cancelled: 0 })),
                    _ => None,
                };
                if let Some((at, end)) = end {
                    push(&mut queue, now + ms(at), Item::Event(Event::Ended(id, end)));
                }
                Event::Registered(spec)
            }
        };
        let over = machine.exit().is_some();
        if let Event::Signal { .. } = event {
            let first = *first_signal.get_or_insert(now);
            if now > first && now - first >= world.plan.signal_guard && !over {
                run.second_signal = Some(now);
            }
        }
        if let Event::Ended(id, _) = &event {
            run.ended_at.entry(*id).or_insert(now);
        }
        for effect in machine.step(event, now) {
            if let Effect::GiveUp(id) = &effect {
                run.ended_at.entry(*id).or_insert(now);
            }
            match &effect {
                Effect::Announce { .. } => run.stop_at = now,
                Effect::Ask { id, .. } if pools.contains(id) => {}
                Effect::Ask { id, .. } | Effect::Close(id) => {
                    pools.remove(id);
                    if let Does::EndsAfterAsk(after) = acts[id] {
                        push(
                            &mut queue,
                            now + ms(after),
                            Item::Event(Event::Ended(*id, End::Done { cancelled: 0 })),
                        );
                    }
                }
                Effect::Cancel(id) if pools.contains(id) && matches!(acts[id], Does::EndsAfterAsk(_)) => {
                    push(&mut queue, now, Item::Event(Event::Ended(*id, End::Done { cancelled: 0 })));
                }
                Effect::Cancel(id) if matches!(acts[id], Does::EndsWhenCancelled) => {
                    push(&mut queue, now, Item::Event(Event::Ended(*id, End::Done { cancelled: 1 })));
                }
                Effect::Abort(id) if !matches!(acts[id], Does::NeverEnds) => {
                    push(&mut queue, now, Item::Event(Event::Ended(*id, End::Aborted)));
                }
                Effect::Wake(at) => {
                    assert!(*at > now, "a wake-up in the past would loop for ever");
                    push(&mut queue, *at, Item::Event(Event::Tick));
                }
                _ => {}
            }
            run.effects.push((now, effect));
        }
    }
    run.machine = machine;
    run
}

pub(crate) enum Item {
    Born(Option<usize>),
    Event(Event),
}

impl Run {
    pub(crate) fn asked(&self) -> Vec<(Duration, ComponentId)> {
        let asks = self.effects.iter().filter_map(|(at, effect)| match effect {
            Effect::Ask { id, .. } => Some((*at, *id)),
            _ => None,
        });
        asks.collect()
    }

    /// Returns the position and the time of an effect.
    pub(crate) fn told(&self, effect: &Effect) -> Option<(usize, Duration)> {
        let place = self.effects.iter().position(|(_, done)| done == effect)?;
        Some((place, self.effects[place].0))
    }

    /// Returns when a component was asked.
    pub(crate) fn asked_at(&self, id: ComponentId) -> Option<Duration> {
        self.asked().into_iter().find(|(_, asked)| *asked == id).map(|(at, _)| at)
    }

    pub(crate) fn entered(&self, phase: Phase) -> Option<Duration> {
        self.machine.timeline().iter().find(|change| change.phase == phase).map(|change| change.at)
    }

    pub(crate) fn spec(&self, id: ComponentId) -> Spec {
        self.specs.get(&id).cloned().expect("registered")
    }

    /// Returns how a component ended, unless the machine only counted it.
    pub(crate) fn outcome(&self, id: ComponentId) -> Option<Outcome> {
        self.machine.outcome(id).cloned()
    }

    pub(crate) fn ended_by_second_signal(&self) -> bool {
        matches!(self.machine.exit(), Some(Exit::Signalled(_)))
    }
}
