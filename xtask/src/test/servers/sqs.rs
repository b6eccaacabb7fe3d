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

/// Pinned, with all that it needs: the same emulator wherever the tests run.
const REQUIREMENTS: &str = include_str!("localstack.txt");

/// Kept from one run to the next, with what else was built.
const ENVIRONMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tests/localstack");

/// Written last, so that one whose making was interrupted is made anew. It has the requirements that were met.
const MARK: &str = "complete";

/// The question that costs nothing, by whoever: an emulator does not look at the signature.
const ASK: &str = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.0\r\n\
    X-Amz-Target: AmazonSQS.ListQueues\r\nAuthorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/sqs/\
    aws4_request, SignedHeaders=host, Signature=0\r\nContent-Length: 2\r\n\r\n{}";

/// Starts LocalStack with nothing but SQS, which keeps its messages in memory.
///
/// # Errors
///
/// When LocalStack cannot be installed, or does not run here.
fn launch(folder: &Path, port: u16) -> Result<Vec<Process>, Failure> {
    let python = find_or_install()?;
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

/// Returns the Python that has LocalStack, after installing it where it is missing.
///
/// # Errors
///
/// When Python or one of the packages cannot be had.
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
    fs::write(&list, REQUIREMENTS).map_err(Failure::io("write what LocalStack needs"))?;
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    // The list is whole, and nothing of it is built here.
    install.args(["--no-deps", "--only-binary=:all:", "--no-compile", "--requirement"]).arg(&list);
    shell::run(&mut install)?;
    fs::write(folder.join(MARK), REQUIREMENTS).map_err(Failure::io("mark LocalStack as installed"))
}

/// Returns whether something that speaks the protocol of SQS lets us in.
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
