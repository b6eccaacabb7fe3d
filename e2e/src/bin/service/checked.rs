//! A service with a dependency: the address that its first argument names. The second says what asks after it: `required`,
//! `critical`, `patient` (critical as well, for long), `advisory`, or `none`.

use std::process::ExitCode;
use std::time::Duration;

use ebbtide::model::Check;
use ebbtide::{Handle, Lifecycle};
use ebbtide_e2e::routes;
use tokio::net::TcpStream;

use crate::setup::{Arguments, log_to_stderr};

pub(crate) fn run(mut arguments: Arguments) -> ExitCode {
    log_to_stderr();
    let mut next = || arguments.next().unwrap_or_default();
    let (dependency, kind) = (next(), next());
    Lifecycle::new("checked").worker_threads(2).run(async move |app| {
        let (api, health) = (app.bind("127.0.0.1:0").await?, app.bind("127.0.0.1:0").await?);
        eprintln!("health on {}", health.local_addr());
        eprintln!("listening on {}", api.local_addr());
        app.health("health", health);
        app.resource("store", (), |()| async {
            eprintln!("closed store");
            Ok(())
        });
        check(&app, dependency, &kind);
        app.http("api", api, app.health_routes(routes()));
        Ok(())
    })
}

fn check(app: &Handle, dependency: String, kind: &str) {
    let check = Check::every(Duration::from_millis(50)).failures(2).passes(2);
    let check = match kind {
        "required" => check,
        "critical" => check.critical(Duration::from_millis(500)),
        "patient" => check.critical(Duration::from_secs(20)),
        "advisory" => check.critical(Duration::from_millis(500)).advisory(),
        _ => return,
    };
    app.check("dependency", check, move || {
        let dependency = dependency.clone();
        async move { TcpStream::connect(dependency).await.map(drop) }
    });
}
