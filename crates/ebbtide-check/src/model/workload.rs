use std::time::Duration;

use super::{
    Container, Declared, Disruption, KamalRole, NodeShutdown, Platform, Quadlet, Role, Rollout, Route,
    Service, Slot, Spelling, TargetGroup, Unit, Word, signal_name,
};
use crate::input::Place;

/// Something that a platform starts and stops as a unit.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) platform: Platform,
    /// The platform's word for it: `Deployment`, `service`.
    pub(crate) kind: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    /// The names that kustomizations give it, one after the other.
    pub(crate) renamed: Vec<String>,
    /// Where its name is, for what has no place of its own.
    pub(crate) place: Place,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) annotations: Vec<Annotation>,
    /// How many of the annotations, the first ones, are those of a controller and not of its pods.
    pub(crate) of_controller: usize,
    /// How its file spells the keys of the platform.
    pub(crate) spelling: Spelling,
    /// The time from the begin of the stop to SIGKILL.
    pub(crate) grace: Declared<Duration>,
    /// The grace period as it is written, if the platform takes less than that.
    pub(crate) written_grace: Option<Duration>,
    /// The setting that the grace period is from, if that is not the platform's own one.
    pub(crate) grace_from: Option<&'static str>,
    /// Where the grace period can be added, if it is not written by its own name.
    pub(crate) grace_slot: Option<Slot>,
    pub(crate) containers: Vec<Container>,
    /// How many instances run: the fewest of them, if something scales it.
    pub(crate) replicas: Declared<u32>,
    /// The setting that the number is from, if it is that of a scaler.
    pub(crate) replicas_from: Option<&'static str>,
    pub(crate) rollout: Rollout,
    pub(crate) min_ready: Declared<Duration>,
    pub(crate) progress_deadline: Declared<Duration>,
    pub(crate) routes: Vec<Route>,
    /// Whether it is meant to run for long: a restart policy or a deployment section says so.
    pub(crate) runs_always: bool,
    pub(crate) shares_process_namespace: bool,
    pub(crate) is_fargate: bool,
    /// Whether its command runs to its end, and nothing is left to stop.
    pub(crate) is_oneshot: bool,
    /// Whether it is started for a task rather than to run for long, as far as its file says.
    pub(crate) is_on_demand: bool,
    pub(crate) service: Option<Service>,
    pub(crate) target_group: Option<TargetGroup>,
    pub(crate) unit: Option<Unit>,
    pub(crate) kamal: Option<KamalRole>,
    pub(crate) quadlet: Option<Quadlet>,
    pub(crate) node_shutdown: Option<NodeShutdown>,
    /// What limits how many of its instances a drain of a node may stop.
    pub(crate) disruptions: Vec<Disruption>,
    /// How long the stop signal is delayed after the workload has left service discovery, where that can be set.
    pub(crate) shutdown_delay: Declared<Duration>,
    /// The longest grace period that the machines allow: the configuration of a Nomad client.
    pub(crate) max_kill_timeout: Option<Declared<Duration>>,
    /// The longest grace period that its platform allows here, where that depends on more than the platform.
    pub(crate) longest_grace: Option<Declared<Duration>>,
    /// The stop timeout that the machines of its template give containers without one.
    pub(crate) agent_timeout: Option<(Duration, Place)>,
    pub(crate) os: Option<Declared<String>>,
    /// The names of the persistent volume claims that it mounts.
    pub(crate) claims: Vec<Word>,
    /// Labels that a node must have.
    pub(crate) node_labels: Vec<Annotation>,
    /// The class of its priority, if it has one.
    pub(crate) priority_class: Option<String>,
    /// The drain time that is declared for the workload rather than for one container.
    pub(crate) drain: Option<Drain>,
    /// How long it keeps serving after the signal, if it is declared.
    pub(crate) lame_duck: Option<Declared<Duration>>,
    /// The part of its file that is about it alone, where comments declare its times.
    pub(crate) block: Option<Place>,
    /// The times that its file declares for every workload without times of its own.
    pub(crate) file_drain: Option<Drain>,
    pub(crate) file_lame_duck: Option<Declared<Duration>>,
}

impl Workload {
    /// Creates a workload of which nothing but the name and the grace period is known.
    pub(crate) fn new(
        platform: Platform,
        kind: &str,
        name: &str,
        place: Place,
        grace: Declared<Duration>,
    ) -> Self {
        Self {
            platform,
            kind: kind.to_owned(),
            namespace: None,
            name: name.to_owned(),
            place,
            labels: Vec::new(),
            annotations: Vec::new(),
            of_controller: 0,
            spelling: Spelling::Own,
            grace,
            written_grace: None,
            grace_from: None,
            grace_slot: None,
            containers: Vec::new(),
            replicas: Declared::Default(1),
            replicas_from: None,
            renamed: Vec::new(),
            rollout: Rollout::Other,
            min_ready: Declared::Default(Duration::ZERO),
            progress_deadline: Declared::Default(Duration::from_secs(600)),
            routes: Vec::new(),
            runs_always: false,
            shares_process_namespace: false,
            is_fargate: false,
            is_oneshot: false,
            is_on_demand: false,
            service: None,
            target_group: None,
            unit: None,
            kamal: None,
            quadlet: None,
            node_shutdown: None,
            disruptions: Vec::new(),
            shutdown_delay: Declared::Default(Duration::ZERO),
            max_kill_timeout: None,
            longest_grace: None,
            agent_timeout: None,
            os: None,
            claims: Vec::new(),
            node_labels: Vec::new(),
            priority_class: None,
            drain: None,
            lame_duck: None,
            block: None,
            file_drain: None,
            file_lame_duck: None,
        }
    }

    /// Returns whether it has a name: its own, or one that a kustomization gives it.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name == name || self.renamed.iter().any(|renamed| renamed == name)
    }

    /// Returns how findings name it: `Deployment shop/api`.
    pub(crate) fn title(&self) -> String {
        let name = self.renamed.last().unwrap_or(&self.name);
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{name}", self.kind),
            None => format!("{} {name}", self.kind),
        }
    }

    /// Returns the name of the setting that the grace period is from.
    pub(crate) fn grace_name(&self) -> &'static str {
        self.grace_from.unwrap_or(self.platform.grace_name())
    }

    /// Returns the containers that receive the signal at the begin of the stop.
    pub(crate) fn main(&self) -> impl Iterator<Item = &Container> {
        self.containers.iter().filter(|container| container.role == Role::Main)
    }

    /// Returns the containers that run when the stop begins.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Container> {
        self.containers.iter().filter(|container| container.role != Role::Init)
    }

    /// Returns the grace period of a container.
    pub(crate) fn grace_of<'w>(&'w self, container: &'w Container) -> &'w Declared<Duration> {
        container.grace.as_ref().unwrap_or(&self.grace)
    }

    /// Returns the name of the signal that asks a container to stop. What an image says that is not in the input is not known: SIGTERM.
    pub(crate) fn signal_of(&self, container: &Container) -> String {
        let of_unit = self.unit.as_ref().and_then(|unit| unit.kill_signal.as_ref());
        match container.stop_signal.as_ref().or(of_unit) {
            Some(signal) => signal
                .value()
                .map_or("the stop signal".to_owned(), |name| format!("SIG{}", signal_name(name))),
            None => container.default_signal.unwrap_or("SIGTERM").to_owned(),
        }
    }

    /// Returns the drain time of a container. What is declared for the workload is about its program alone. What does not receive the signal does
    /// not drain.
    pub(crate) fn drain_of<'w>(&'w self, container: &'w Container) -> Option<&'w Drain> {
        let is_killed = self.signal_of(container) == "SIGKILL";
        if container.role == Role::Init || container.is_shielded || is_killed {
            return None;
        }
        let is_about = self.is_about(container);
        let own = container.drain.as_ref();
        self.drain
            .as_ref()
            .filter(|_| is_about)
            .or(own.filter(|drain| drain.is_declared))
            .or(self.file_drain.as_ref().filter(|_| is_about))
            .or(own)
    }

    /// Returns whether what is declared for the workload is about this container.
    pub(crate) fn is_about(&self, container: &Container) -> bool {
        self.program().is_some_and(|program| program.place == container.place)
    }

    /// Returns the container that what is declared for the workload is about: its only one besides known helpers, else the only one with ports, else
    /// the one with its name. `None` if that leaves several.
    pub(crate) fn program(&self) -> Option<&Container> {
        let mut mains: Vec<&Container> = self.main().collect();
        if mains.iter().any(|main| !main.is_helper()) {
            mains.retain(|main| !main.is_helper());
        }
        let only = |wanted: &dyn Fn(&Container) -> bool| {
            let mut found = mains.iter().copied().filter(|main| wanted(main));
            found.next().filter(|_| found.next().is_none())
        };
        only(&|_| true)
            .or_else(|| only(&|main| main.has_ports))
            .or_else(|| only(&|main| main.name == self.name))
    }

    /// Returns how long the program serves new requests after the signal: the longest time of the main containers. It is nothing if no file
    /// says so.
    pub(crate) fn lame_duck(&self) -> Option<&Declared<Duration>> {
        let own = self.main().filter_map(|container| container.lame_duck.as_ref());
        // One that is not known may be the longest.
        let longest = |duck: &&Declared<Duration>| duck.value().copied().unwrap_or(Duration::MAX);
        self.lame_duck.as_ref().or_else(|| own.max_by_key(longest)).or(self.file_lame_duck.as_ref())
    }

    /// Returns how long a container serves new requests after the signal.
    pub(crate) fn lame_duck_of<'w>(&'w self, container: &'w Container) -> Option<&'w Declared<Duration>> {
        let is_about = self.is_about(container);
        self.lame_duck
            .as_ref()
            .filter(|_| is_about)
            .or(container.lame_duck.as_ref())
            .or(self.file_lame_duck.as_ref().filter(|_| is_about))
    }

    /// Returns whether Podman runs it from a file of Kubernetes.
    pub(crate) fn is_played(&self) -> bool {
        self.quadlet.as_ref().is_some_and(|quadlet| quadlet.played.is_some())
    }

    /// Returns whether it runs until it has finished rather than until it is stopped.
    pub(crate) fn is_batch(&self) -> bool {
        self.is_on_demand || matches!(self.kind.as_str(), "Job" | "CronJob")
    }
}

/// A key and a value that users attach.
#[derive(Clone, Debug)]
pub(crate) struct Annotation {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) place: Place,
}

/// How long a program takes to finish after the signal.
#[derive(Clone, Debug)]
pub(crate) struct Drain {
    pub(crate) time: Duration,
    /// Where it is from, for a sum: `--graceful-timeout`.
    pub(crate) from: String,
    pub(crate) place: Option<Place>,
    /// Whether a file says so. Otherwise it is the default of a known program.
    pub(crate) is_declared: bool,
}
