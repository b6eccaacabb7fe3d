//! The resources of one run, prepared before the service starts: a folder, an address, a command line.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Rlimit;
use tempfile::TempDir;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::child::{Service, owners};
use super::janitor::Janitor;
use super::record::{Endpoint, RequestIds};
use super::relay::Relays;
use super::scenario::{
    Program, Ready, RequestTemplate, Route, RunPlace, Scenario, ServiceStore, ShapePlan, Target,
    TargetAddress, Via, filled,
};
use super::trouble::NotRehearsed;
use super::wire::{Address, TlsClients, connect};
use crate::clock::Clock;

/// How long a broker may take to remove a queue.
const CLEARED: Duration = Duration::from_secs(2);

/// The resources of one run. Dropping it removes the folder.
pub(super) struct Place {
    folder: TempDir,
    /// The command line.
    pub(super) words: Vec<OsString>,
    /// Variables that are added to the service's environment.
    pub(super) env: Vec<(OsString, OsString)>,
    /// Where the service will listen.
    pub(super) target: Target,
    /// What the requests carry.
    pub(super) template: Arc<RequestTemplate>,
    /// The ids of the requests of the load.
    pub(super) ids: RequestIds,
    /// The relays of the dependencies, if there are any.
    relays: Option<Relays>,
    /// The clients of TLS.
    tls: Arc<TlsClients>,
    /// The readiness path; `None` when readiness is a bare port.
    pub(super) ready_path: Option<String>,
    /// The store to read after the exit.
    pub(super) store: Option<Box<dyn ServiceStore>>,
}

impl Place {
    /// Prepares the resources of one run.
    pub(super) async fn prepare(scenario: &Scenario, clock: Clock) -> Result<Self, NotRehearsed> {
        let folder = tempfile::Builder::new().prefix("ebbtide-rehearse-").tempdir()?;
        let mut env = scenario.env.clone();
        env.push(("EBBTIDE_REPORT".into(), folder.path().join("report.json").into_os_string()));
        let (target, ready_path) = match &scenario.ready {
            Ready::Http(target, path) => (target.clone(), Some(path.clone())),
            Ready::Port(target) => (target.clone(), None),
            Ready::Managed => {
                let port = free_port().ok_or(NotRehearsed::NoFreePort)?;
                let path = match &scenario.program {
                    Program::Managed(service) => Some(service.ready_path().to_owned()),
                    Program::Command(_) | Program::Running(_) => None,
                };
                (Target::tcp("127.0.0.1", port), path)
            }
        };
        let (relays, addresses) = relays(&scenario.via, clock).await?;
        let (mut words, store) = match &scenario.program {
            Program::Command(words) => (words.clone(), None),
            Program::Running(_) => (Vec::new(), None),
            Program::Managed(service) => {
                let port = target.port().or_else(free_port).ok_or(NotRehearsed::NoFreePort)?;
                let at = RunPlace::new(folder.path(), port, &scenario.stop, scenario.database.as_deref());
                let set_up = service.set_up(at).await?;
                env.extend(set_up.env.into_iter().map(|(name, value)| (name.into(), value)));
                (set_up.words, set_up.store)
            }
        };
        let template = Arc::new(scenario.template.clone());
        let tls = Arc::new(TlsClients::new(&template.trust));
        for (via, relay) in scenario.via.iter().zip(&addresses) {
            env.push((via.variable().into(), relay.to_string().into()));
        }
        for word in words.iter_mut().chain(env.iter_mut().map(|(_, value)| value)) {
            if let Some(text) = word.to_str() {
                *word = filled(text, &scenario.via, &addresses).into();
            }
        }
        let ids = RequestIds::draw();
        Ok(Self { folder, words, env, target, template, ids, tls, ready_path, store, relays })
    }

    /// Starts the service of `scenario` here, or attaches to it.
    pub(super) fn service(
        &self,
        scenario: &Scenario,
        files: Rlimit,
        clock: Clock,
        janitor: &mut Janitor,
    ) -> Result<Service, NotRehearsed> {
        janitor.watch(self.folder(), None);
        if let Program::Running(pid) = scenario.program {
            return Ok(Service::attach(pid, &self.log(), clock)?);
        }
        let (folder, log) = (scenario.folder.as_deref(), self.log());
        let service = Service::start(&self.words, &self.env, folder, &log, files, scenario.pid_one, clock)?;
        janitor.watch(self.folder(), Some(service.pid()));
        if let Some(relays) = &self.relays {
            let family = service.family();
            relays.serve(service.pid(), Arc::new(move |connections| owners(family, connections)));
        }
        Ok(service)
    }

    /// Removes what is outside the folder, if the broker responds. What cannot be removed is left: its name is not used again.
    pub(super) async fn clear(&self) {
        if let Some(store) = &self.store {
            let _late = timeout(CLEARED, store.clear()).await;
        }
    }

    /// Returns the relays of the dependencies, if there are any.
    pub(super) fn relays(&self) -> Option<&Relays> {
        self.relays.as_ref()
    }

    /// Returns the relays, to be stopped.
    pub(super) fn take_relays(&mut self) -> Option<Relays> {
        self.relays.take()
    }

    /// Returns the service's address at `socket`.
    pub(super) fn address(&self, socket: Endpoint) -> Address {
        Address::new(socket, &self.target, &self.template, &self.tls).with_ids(self.ids)
    }

    /// Returns the address of `target`, which is at `socket`.
    pub(super) fn address_of(&self, target: &Target, socket: Endpoint) -> Address {
        Address::new(socket, target, &self.template, &self.tls)
    }

    /// Returns the folder, which is removed with the run.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the path of the file for the service's output.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.path().join("output.log")
    }

    /// Returns the path of the file for the output of a preStop hook.
    pub(super) fn hook_log(&self) -> PathBuf {
        self.folder.path().join("pre-stop.log")
    }

    /// Returns the path of the file for the service's report.
    pub(super) fn report(&self) -> PathBuf {
        self.folder.path().join("report.json")
    }
}

/// How long a dependency may take to accept the connection that shows that it is there.
const REACHED: Duration = Duration::from_secs(5);

/// Starts the relays of `vias`, and returns their addresses.
///
/// # Errors
///
/// A dependency does not accept a connection.
async fn relays(vias: &[Via], clock: Clock) -> Result<(Option<Relays>, Vec<SocketAddr>), NotRehearsed> {
    if vias.is_empty() {
        return Ok((None, Vec::new()));
    }
    let mut reached = Vec::new();
    for via in vias {
        let (name, at) = (via.name.clone(), via.target.authority());
        let connecting =
            timeout(REACHED, TcpStream::connect((via.target.host(), via.target.port().unwrap_or_default())));
        let stream = connecting.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let found = stream.and_then(|stream| stream.peer_addr());
        reached.push((via.clone(), found.map_err(|source| NotRehearsed::Dependency { name, at, source })?));
    }
    let relays = Relays::start(reached, clock)?;
    let addresses = relays.addresses().to_vec();
    Ok((Some(relays), addresses))
}

/// Returns every address of `target`, in the resolver's order.
pub(super) async fn resolve(target: &Target) -> Result<Vec<Endpoint>, NotRehearsed> {
    let (host, port) = match &target.address {
        TargetAddress::Tcp { host, port } => (host, *port),
        TargetAddress::Unix(path) => return Ok(vec![Endpoint::Unix(Arc::clone(path))]),
    };
    let unknown = || NotRehearsed::Resolve(host.clone());
    let found = lookup_host((host.as_str(), port)).await.map_err(|_| unknown())?;
    let mut all: Vec<Endpoint> = found.map(Endpoint::from).collect();
    all.dedup();
    if all.is_empty() { Err(unknown()) } else { Ok(all) }
}

/// Resolves `target` to the first address that the resolver returns, for the requests of `home`.
async fn first(target: &Target, home: &Address) -> Result<Address, NotRehearsed> {
    let socket = resolve(target).await?.into_iter().next();
    let socket = socket.ok_or_else(|| NotRehearsed::Resolve(target.host().to_owned()))?;
    Ok(home.beside(socket, target))
}

/// Resolves the address of the requests of `plan`: that of its route, or else `home`.
pub(super) async fn address_of(plan: &ShapePlan, home: &Address) -> Result<Address, NotRehearsed> {
    let to = match &plan.route().target {
        Some(target) => first(target, home).await?,
        None => home.clone(),
    };
    Ok(if plan.is_call() { to.over_http2() } else { to })
}

/// Resolves the address of the liveness path: that of `route`, or else the one at which the service is ready.
pub(super) async fn liveness_at(route: &Route, ready: &Address) -> Result<Address, NotRehearsed> {
    match &route.target {
        Some(target) => Ok(first(target, ready).await?.over_http1()),
        None => Ok(ready.clone()),
    }
}

/// How long a listener may take to accept a connection.
const ACCEPTED: Duration = Duration::from_secs(1);

/// Returns whether a process listens at `socket`.
pub(super) async fn taken(socket: &Endpoint) -> bool {
    // Without a listener, the kernel refuses at once.
    !matches!(timeout(ACCEPTED, connect(socket)).await, Ok(Err(_)))
}

/// Returns a free port on 127.0.0.1, below the range that the kernel gives to clients: a client of this process could
/// otherwise get it between two runs.
pub(super) fn free_port() -> Option<u16> {
    // Not drawn from the seed: two rehearsals with the same seed would use the same port.
    let mut drawn = std::iter::repeat_with(|| fastrand::u16(20_000..32_000)).take(200);
    drawn.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Store;
    use crate::scenario::BoxFuture;

    /// Its broker never answers.
    #[derive(Debug)]
    struct Silent;

    impl ServiceStore for Silent {
        fn look<'a>(&'a self, _acknowledged: &'a [Box<str>]) -> BoxFuture<'a, Store> {
            Box::pin(std::future::pending())
        }

        fn clear(&self) -> BoxFuture<'_, ()> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_unresponsive_broker_does_not_delay_the_clean_up() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            folder,
            words: Vec::new(),
            env: Vec::new(),
            target: Target::tcp("127.0.0.1", 1),
            template: Arc::default(),
            ids: RequestIds::default(),
            tls: Arc::default(),
            relays: None,
            ready_path: None,
            store: Some(Box::new(Silent)),
        };
        timeout(CLEARED * 2, place.clear()).await.unwrap();
    }
}
