//! What one run needs before anything is started: a folder, an address, a command line.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::address::free_port;
use super::probe::StorePlace;
use super::scenario::{Program, Ready, Scenario, Target, demo_program, queue_of};
use super::trouble::NotRehearsed;

/// How long a broker may take to remove a queue.
const CLEARED: Duration = Duration::from_secs(2);

/// Where a run takes place. The folder goes with it.
#[derive(Debug)]
pub(super) struct Place {
    folder: TempDir,
    /// The command line.
    pub(super) words: Vec<OsString>,
    /// Variables that are added to the service's environment.
    pub(super) env: Vec<(&'static str, OsString)>,
    /// Where the service will listen.
    pub(super) target: Target,
    /// The readiness path; `None` when readiness is a bare port.
    pub(super) ready_path: Option<String>,
    /// What to look at after the exit.
    pub(super) store: Option<StorePlace>,
}

impl Place {
    /// Makes the place of one run.
    pub(super) async fn prepare(scenario: &Scenario) -> Result<Self, NotRehearsed> {
        let folder = tempfile::Builder::new().prefix("ebbtide-rehearse-").tempdir()?;
        let mut env = vec![("EBBTIDE_REPORT", folder.path().join("report.json").into_os_string())];
        let (target, ready_path) = match &scenario.ready {
            Ready::Http(target, path) => (target.clone(), Some(path.clone())),
            Ready::Port(target) => (target.clone(), None),
            Ready::Demo => {
                let port = free_port().await?;
                (Target { host: "127.0.0.1".into(), port }, Some("/readyz".into()))
            }
        };
        let (words, store) = match &scenario.program {
            Program::Command(words) => (words.clone(), None),
            Program::Demo(options) => {
                let data = folder.path().join("data");
                std::fs::create_dir(&data)?;
                if let Some(url) = &scenario.database {
                    env.push(("DATABASE_URL", url.into()));
                }
                let words =
                    demo_program(&env::current_exe()?, target.port, &data, scenario.stop.grace, options);
                let store = match queue_of(&words, &data, scenario.database.as_deref()) {
                    Some(queue) => Some(StorePlace::note(data, scenario.database.clone(), queue).await),
                    None => None,
                };
                (words, store)
            }
        };
        Ok(Self { folder, words, env, target, ready_path, store })
    }

    /// Removes what is not in the folder, if its broker answers. What cannot be removed stays behind: nobody uses its name again.
    pub(super) async fn clear(&self) {
        if let Some(store) = &self.store {
            let _late = timeout(CLEARED, store.clear()).await;
        }
    }

    /// The folder, which goes with the run.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file for the service's output.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.path().join("output.log")
    }

    /// The file for the service's own report.
    pub(super) fn report(&self) -> PathBuf {
        self.folder.path().join("report.json")
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use ebbtide_demo::queue::{QueueKind, QueuePlace};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_says_nothing_holds_nobody() {
        // Its kernel takes the connection, and nobody ever reads from it.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://postgres@{}/postgres", silent.local_addr().unwrap());
        let (kind, name, lease) = (QueueKind::Postgres, "x".to_owned(), Duration::ZERO);
        let folder = tempfile::tempdir().unwrap();
        let queue = QueuePlace { kind, url, name, lease };
        let store = StorePlace::note(folder.path().to_owned(), None, queue).await;
        let place = Place {
            folder,
            words: Vec::new(),
            env: Vec::new(),
            target: Target { host: "127.0.0.1".into(), port: 1 },
            ready_path: None,
            store: Some(store),
        };
        timeout(CLEARED * 2, place.clear()).await.unwrap();
    }
}
