use std::path::Path;

use super::environment;
use crate::failure::Failure;
use crate::test::servers::account::Account;
use crate::test::servers::process::{Ending, Process};

/// Starts LocalStack with nothing but SQS, which keeps its messages in memory.
///
/// # Errors
///
/// When LocalStack cannot be installed, or does not run here.
pub(super) fn launch(folder: &Path, port: u16) -> Result<Vec<Process>, Failure> {
    let python = environment::find_or_install()?;
    // Asked to end it may wait for itself for ever, and there is nothing that it would keep.
    let mut localstack = Process::command(&python, &Account::ours(), Ending::Kill);
    localstack.args(["-m", "localstack.runtime.main"]);
    for (variable, value) in [
        ("SERVICES", "sqs"),
        ("STRICT_SERVICE_LOADING", "1"),
        ("EAGER_SERVICE_LOADING", "1"),
        // Its usual server listens on every interface, whatever it is told.
        ("GATEWAY_SERVER", "hypercorn"),
        ("GATEWAY_LISTEN", &format!("127.0.0.1:{port}")),
        // It would otherwise name hosts that have to be looked up, and listen as their name server.
        ("SQS_ENDPOINT_STRATEGY", "path"),
        ("DNS_ADDRESS", "0"),
        // It says nothing to anybody.
        ("DISABLE_EVENTS", "1"),
        ("SKIP_SSL_CERT_DOWNLOAD", "1"),
        // In a container it would take itself for its own image, and write all over it.
        ("OVERRIDE_IN_DOCKER", "0"),
    ] {
        localstack.env(variable, value);
    }
    for variable in ["FILESYSTEM_ROOT", "HOME", "TMPDIR"] {
        localstack.env(variable, folder);
    }
    Ok(vec![Process::start(&mut localstack, folder, Ending::Kill)?])
}
