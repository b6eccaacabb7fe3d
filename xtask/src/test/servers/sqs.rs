use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use ebbtide_http1::Response;

use super::kind::{ServerKind, greet};
use super::process::{Account, Ending, Process};
use crate::failure::Failure;
use crate::shell;
use crate::test::tools;

pub(super) const KIND: ServerKind = ServerKind {
    name: "SQS",
    variable: "EBBTIDE_TEST_SQS",
    local_port: 4566,
    url: |port| format!("http://127.0.0.1:{port}"),
    answers,
    launch,
};

/// Pinned with all dependencies, so that every machine tests against the same emulator.
const REQUIREMENTS: &str = include_str!("localstack.txt");

/// Kept between runs, with the other build output.
const ENVIRONMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tests/localstack");

/// Written last, so that an interrupted installation is repeated. Contains the installed requirements.
const MARK: &str = "complete";

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
    let python = find_or_install()?;
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

/// Returns the Python with LocalStack, after installing it if it is missing.
///
/// # Errors
///
/// When Python or one of the packages cannot be installed.
fn find_or_install() -> Result<PathBuf, Failure> {
    let folder = Path::new(ENVIRONMENT);
    let python = folder.join("bin/python");
    if fs::read_to_string(folder.join(MARK)).is_ok_and(|met| met == REQUIREMENTS) {
        return Ok(python);
    }
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Failure::io("remove an old LocalStack"))?;
    }
    make_environment(folder, &python)?;
    Ok(python)
}

fn make_environment(folder: &Path, python: &Path) -> Result<(), Failure> {
    let system = tools::find_or_install("python3", "python3")?;
    let mut can_install = Command::new(&system);
    if !can_install.args(["-c", "import ensurepip, venv"]).output().is_ok_and(|ran| ran.status.success()) {
        tools::install("python3 -m venv", "python3-venv")?;
    }
    shell::run(Command::new(&system).args(["-m", "venv"]).arg(folder))?;
    let list = folder.join("requirements.txt");
    fs::write(&list, REQUIREMENTS).map_err(Failure::io("write LocalStack's requirements"))?;
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    // The list is complete, and no package is built from source.
    install.args(["--no-deps", "--only-binary=:all:", "--no-compile", "--requirement"]).arg(&list);
    shell::run(&mut install)?;
    fs::write(folder.join(MARK), REQUIREMENTS).map_err(Failure::io("mark LocalStack as installed"))
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
