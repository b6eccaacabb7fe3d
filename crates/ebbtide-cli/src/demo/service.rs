use std::env;
use std::ffi::OsString;
use std::fs;

use ebbtide_rehearse::{BoxFuture, ManagedService, RunPlace, ServiceStore, SetUp};

use super::program::{demo_program, queue_of};
use super::store::StorePlace;

/// The demo service with options of its own; address, data folder and queue are the rehearsal's.
#[derive(Clone, Debug)]
pub(crate) struct DemoService {
    options: Vec<OsString>,
}

impl DemoService {
    pub(crate) fn new(options: Vec<OsString>) -> Self {
        Self { options }
    }
}

impl ManagedService for DemoService {
    fn title(&self) -> String {
        let options = self.options.iter().map(|word| word.to_string_lossy());
        ["ebbtide demo".into()].into_iter().chain(options).collect::<Vec<_>>().join(" ")
    }

    fn steady_path(&self) -> &str {
        "/ping"
    }

    fn ready_path(&self) -> &str {
        "/readyz"
    }

    fn set_up<'a>(&'a self, run: RunPlace<'a>) -> BoxFuture<'a, std::io::Result<SetUp>> {
        Box::pin(async move {
            let data = run.folder.join("data");
            fs::create_dir(&data)?;
            let env = run.database.map(|url| ("DATABASE_URL", url.into()));
            let words = demo_program(&env::current_exe()?, run.port, &data, run.grace, &self.options);
            let store = match queue_of(&words, &data, run.database) {
                Some(queue) => {
                    let place = StorePlace::note(data, run.database.map(str::to_owned), queue).await;
                    Some(Box::new(place) as Box<dyn ServiceStore>)
                }
                None => None,
            };
            Ok(SetUp { words, env: env.into_iter().collect(), store })
        })
    }
}
