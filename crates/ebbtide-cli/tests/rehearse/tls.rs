//! Rehearsals over TLS: the verdict agrees with the record of the service, and what cannot be rehearsed is named.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Output;

use crate::common::{ebbtide, need, service};
use crate::ports::free_port;
use crate::scene::{Row, Says, certify, holds};

/// Handshakes take time on a busy machine.
const WARM: &str = "--warmup=1500ms";

#[test]
fn a_graceful_service_over_tls_loses_nothing_in_any_phase() {
    let seen =
        holds(&Row::innocent("perfect", &["--url=keepalive=POST:/", "--require-readiness", WARM]).over_tls());
    let evidence = seen.evidence("phases-served");
    assert!(evidence.starts_with("9 connections held at the signal, none lost"), "{evidence}");
}

#[test]
fn each_request_that_is_lost_over_tls_is_found() {
    holds(&Row::guilty("unanswered", &[("requests-answered", "no response byte")]).with(&[WARM]).over_tls());
    holds(
        &Row::guilty("half-body", &[("requests-answered", "response truncated in its body")])
            .with(&[WARM])
            .over_tls(),
    );
    holds(
        &Row::guilty("exits-at-once", &[("requests-answered", "when the process ended")])
            .with(&[WARM])
            .over_tls(),
    );
}

#[test]
fn a_service_without_http2_over_tls_is_named() {
    let row = Row::innocent("perfect", &["--http2"]).says(Says::NotRehearsed).over_tls();
    let words = holds(&row).words();
    assert!(
        words.contains(" answers HTTP/1, and not HTTP/2") && words.contains("selects h2 (ALPN)"),
        "{words}"
    );
}

/// Rehearses the service with these options, over TLS if it has a certificate.
fn rehearse(has_certificate: bool, options: &[&str]) -> Output {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut command = ebbtide();
    command.env("TRUTH", folder.path().join("truth")).args(["rehearse", "--quiet", "--ready-timeout=8s"]);
    if has_certificate {
        certify(&mut command, folder.path());
    }
    fs::write(folder.path().join("not.pem"), "hello").unwrap();
    let fill = |word: &&str| {
        word.replace("{port}", &port.to_string()).replace("{folder}", &folder.path().display().to_string())
    };
    command.args(options.iter().map(fill)).args(["--", "python3"]).arg(service("truth.py"));
    let output = command.args([&port.to_string(), "perfect"]).output().unwrap();
    assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok(), "the service is left running");
    output
}

#[test]
fn what_cannot_be_rehearsed_over_tls_is_named_with_a_remedy() {
    let https = "--ready=https://127.0.0.1:{port}/readyz";
    // The last of --cacert and of --ready-timeout counts.
    let forever = "--ready-timeout=1h";
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), other).unwrap();
    let other = format!("--cacert={}", file.path().display());
    for (has_certificate, options, code, words) in [
        // No limit is waited for: a certificate that is not accepted does not become another one.
        (true, vec![https, forever, &other], 3, ["not signed by a trusted authority", "hint: --cacert FILE"]),
        (
            true,
            vec![https, forever, "--host=shop.example.org"],
            3,
            ["certificate is for another name", "hint: --host NAME"],
        ),
        (false, vec![https], 3, ["/readyz: the answer is not TLS", "hint: an http:// URL"]),
        (
            true,
            vec!["--ready=http://127.0.0.1:{port}/readyz"],
            2,
            ["--cacert has no effect: nothing is requested over TLS", "hint: an https:// URL"],
        ),
        (
            false,
            vec![https, "--cacert=/no/such/file"],
            2,
            ["cannot read `/no/such/file` (--cacert)", "hint: --cacert"],
        ),
        (
            false,
            vec![https, "--cacert={folder}/not.pem"],
            2,
            ["(--cacert): no certificate", "hint: --cacert"],
        ),
    ] {
        let output = rehearse(has_certificate, &options);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{options:?}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{options:?}: {said}");
    }
}

/// The options that `--init` got are keys of the file: without them it would not be the same rehearsal.
#[test]
fn init_writes_the_options_that_it_was_given() {
    need("python3");
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".git")).unwrap();
    let port = free_port().to_string();
    let call = |options: &[&str], words: &[&str]| {
        let mut command = ebbtide();
        command.current_dir(folder.path()).env("TRUTH", folder.path().join("truth"));
        command.args(["rehearse", "--quiet"]).args(options);
        certify(&mut command, folder.path());
        command.args(words).output().unwrap()
    };
    let script = service("truth.py").display().to_string();
    let init = ["--init", "--header=X-Tenant: a", "--slow-time=200ms", "--url=slow=/slow/{ms}", "--slow=2"];
    let output = call(&init, &["--", "python3", &script, &port, "perfect"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let text = fs::read_to_string(folder.path().join("ebbtide.toml")).unwrap();
    let certificate = format!("cacert = \"{}\"", folder.path().join("tls.crt").display());
    for line in [
        certificate.as_str(),
        "header = [\"X-Tenant: a\"]",
        "slow-time = \"200ms\"",
        "slow = 2",
        "url.slow = \"/slow/{ms}\"",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    // The file alone is enough.
    let mut command = ebbtide();
    command.current_dir(folder.path()).env("TRUTH", folder.path().join("truth"));
    command.env("TLS_CERT", folder.path().join("tls.crt")).env("TLS_KEY", folder.path().join("tls.key"));
    let output =
        command.args(["rehearse", "--quiet", "--no-phases"]).args(crate::scene::LOAD).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_insecure_rehearsal_accepts_any_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut command = ebbtide();
    command.args(["rehearse", "--quiet", "--insecure", "--host=shop.example.org", "--no-phases"]);
    command.args(crate::scene::LOAD).arg(WARM).arg(format!("--ready=https://127.0.0.1:{port}/readyz"));
    let made = rcgen::generate_simple_self_signed(["other.example.org".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    command.env("TRUTH", folder.path().join("truth")).env("TLS_CERT", certificate).env("TLS_KEY", key);
    command.args(["--", "python3"]).arg(service("truth.py")).args([&port.to_string(), "perfect"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
