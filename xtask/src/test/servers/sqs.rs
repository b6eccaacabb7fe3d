use std::io::{self, Read, Write};
use std::path::Path;

use ebbtide_http1::Response;

use super::kind::{ServerKind, greet};
use super::process::{Account, Ending, Process};
use crate::failure::Failure;
use crate::python::Environment;

pub(super) const KIND: ServerKind = ServerKind {
    name: "SQS",
    variable: "EBBTIDE_TEST_SQS",
    local_port: 4566,
    url: |port| format!("http://127.0.0.1:{port}"),
    answers,
    launch,
};

/// Pinned with all dependencies, so that every machine tests against the same emulator.
const LOCALSTACK: Environment = Environment {
    name: "LocalStack",
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tests/localstack"),
    requirements: include_str!("localstack.txt"),
};

/// A read-only request with a fake signature: the emulator does not verify signatures.
const ASK: &str = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.0\r\n\
    X-Amz-Target: AmazonSQS.ListQueues\r\nAuthorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/sqs/\
    aws4_request, SignedHeaders=host, Signature=0\r\nContent-Length: 2\r\n\r\n{}";

/// Starts LocalStack with SQS only. It keeps messages in memory.
///
/// # Errors
///
/// When LocalStack cannot be installed or started.
fn launch(folder: &Path, port: u16) -> Result<Vec<Process>, Failure> {
    let python = LOCALSTACK.find_or_install("python")?;
    // SIGTERM can make it wait for itself indefinitely, and it has no state to keep.
    let mut localstack = Process::command(&python, &Account::ours(), Ending::Kill);
    localstack.args(["-m", "localstack.runtime.main"]);
    for (variable, value) in [
        ("SERVICES", "sqs"),
        ("STRICT_SERVICE_LOADING", "1"),
        ("EAGER_SERVICE_LOADING", "1"),
        // Its default server listens on every interface, whatever the setting.
        ("GATEWAY_SERVER", "hypercorn"),
        ("GATEWAY_LISTEN", &format!("127.0.0.1:{port}")),
        // By default it uses host names that need DNS, and serves that DNS itself.
        ("SQS_ENDPOINT_STRATEGY", "path"),
        ("DNS_ADDRESS", "0"),
        // No telemetry.
        ("DISABLE_EVENTS", "1"),
        ("SKIP_SSL_CERT_DOWNLOAD", "1"),
        // In a container it would assume that it runs in its own image, and write to the whole file system.
        ("OVERRIDE_IN_DOCKER", "0"),
    ] {
        localstack.env(variable, value);
    }
    for variable in ["FILESYSTEM_ROOT", "HOME", "TMPDIR"] {
        localstack.env(variable, folder);
    }
    Ok(vec![Process::start(&mut localstack, folder, Ending::Kill)?])
}

/// Returns whether a server with the protocol of SQS accepts requests.
fn answers(port: u16) -> bool {
    ask(port).is_ok_and(|response| {
        response.is_ok()
            && response.header("content-type").is_some_and(|kind| kind.contains("x-amz-json-1.0"))
    })
}

fn ask(port: u16) -> io::Result<Response> {
    let mut stream = greet(port)?;
    stream.write_all(ASK.as_bytes())?;
    Ok(Response::read(&mut stream.take(64 * 1024))?)
}
