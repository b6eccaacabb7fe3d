//! HTTPS with HTTP/2, and certificates that are exchanged on disk while the service runs.
//!
//! Without files it makes a certificate for `localhost` that no client trusts.
//!
//! ```sh
//! cargo run -p ebbtide --features axum,tls --example tls -- 127.0.0.1:8443 tls.crt tls.key
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use ebbtide::http::Tls;
use ebbtide::{BoxError, Handle, Lifecycle};

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("hello");
    tracing_subscriber::fmt::init();
    lifecycle.run(start)
}

async fn start(app: Handle) -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let (certificate, key) = match (arguments.next(), arguments.next()) {
        (Some(certificate), Some(key)) => (certificate.into(), key.into()),
        _ => self_signed(&app)?,
    };
    let tls = Tls::from_pem_files(certificate, key)?;
    let routes = app.health_routes(Router::new().route("/", get(async || "Hello, World!")));
    app.http("api", app.bind(address).await?.tls(tls.clone()), routes);
    app.every("certificates", Duration::from_secs(60), move || reload(tls.clone()));
    Ok(())
}

/// Open connections keep the certificate that they have; new ones get that of the files.
async fn reload(tls: Tls) -> Result<(), BoxError> {
    // A file that cannot be used is no reason to stop: the old certificate stays.
    if let Err(error) = tls.reload() {
        tracing::error!(error = &error as &dyn Error, "certificates not reloaded");
    }
    Ok(())
}

fn self_signed(app: &Handle) -> Result<(PathBuf, PathBuf), BoxError> {
    // Removed when the process exits, on every path but SIGKILL.
    let folder = app.temporary(tempfile::tempdir()?.keep())?;
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    std::fs::write(&certificate, made.cert.pem())?;
    std::fs::write(&key, made.signing_key.serialize_pem())?;
    Ok((certificate, key))
}
