//! Certificates, and how they are exchanged.

use std::path::Path;
use std::sync::Arc;

use ebbtide::http::{Tls, TlsError, rustls};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::pair::{Pair, serve};
use crate::support::{Client, PING, ping};

#[tokio::test]
async fn certificates_are_exchanged_without_a_restart() {
    let mut pair = Pair::new();
    let tls = pair.tls();
    let first = pair.certificate.clone();
    let mut served = serve(tls.clone(), ping(), |server| server).await;
    let mut old = pair.connect(served.addr).await.unwrap();
    let shown = |client: &Client<TlsStream<TcpStream>>| {
        client.stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    };
    assert_eq!(shown(&old), first);
    pair.renew();
    // The files alone change nothing.
    assert_eq!(shown(&pair.connect(served.addr).await.unwrap()), first);
    tls.reload().unwrap();
    let new = pair.connect(served.addr).await.unwrap();
    assert_eq!(shown(&new), pair.certificate);
    assert_ne!(shown(&new), first);
    // The old connection goes on.
    old.send(PING).await.unwrap();
    assert!(old.answer().await.unwrap().is_ok());
    drop((old, new));
    served.stop();
    served.ended().await;
}

/// What `tls.reload()` says when a file has become `content`.
fn refusal(tls: &Tls, path: &Path, content: &str) -> TlsError {
    let good = std::fs::read(path).unwrap();
    std::fs::write(path, content).unwrap();
    let error = tls.reload().unwrap_err();
    std::fs::write(path, good).unwrap();
    error
}

#[tokio::test]
async fn a_broken_file_leaves_the_old_certificates_in_place_and_is_named() {
    let pair = Pair::new();
    let tls = pair.tls();
    let mut served = serve(tls.clone(), ping(), |server| server).await;
    let (certificates, key) = (pair.certificates(), pair.key());
    let says = |error: TlsError, path: &Path, what: &str| {
        let said = match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        assert!(said.contains(path.to_str().unwrap()) && said.contains(what), "{said}");
    };
    says(refusal(&tls, &certificates, ""), &certificates, "find a certificate in");
    says(refusal(&tls, &certificates, "no certificate"), &certificates, "put the server's own there");
    says(refusal(&tls, &key, ""), &key, "find a private key in");
    let half = std::fs::read_to_string(&certificates).unwrap();
    says(refusal(&tls, &certificates, &half[..half.len() / 2]), &certificates, "a section has no end");
    let broken = half.replacen('M', "%", 1);
    says(refusal(&tls, &certificates, &broken), &certificates, "is not base64");
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    says(refusal(&tls, &certificates, empty), &certificates, "use the certificate in");
    let other = Pair::new();
    let other_key = std::fs::read_to_string(other.key()).unwrap();
    says(refusal(&tls, &key, &other_key), &key, "they don't belong together");
    let both = format!("{}{half}", std::fs::read_to_string(other.certificates()).unwrap());
    says(refusal(&tls, &certificates, &both), &certificates, "put the server's own certificate first");
    std::fs::rename(&key, certificates.with_extension("away")).unwrap();
    says(tls.reload().unwrap_err(), &key, "No such file");
    let missing = Tls::from_pem_files("/nowhere/tls.crt", &key).unwrap_err();
    says(missing, Path::new("/nowhere/tls.crt"), "give the path of a file");
    let mut client = pair.connect(served.addr).await.expect("the old ones are in place");
    client.send(PING).await.unwrap();
    assert!(client.answer().await.unwrap().is_ok());
    served.stop();
    drop(client);
    served.ended().await;
}

#[tokio::test]
async fn a_configuration_made_by_hand_is_served_and_replaced() {
    let pair = Pair::new();
    let config = |offer: &[&str]| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = std::fs::read(pair.key()).unwrap();
        let key = rustls::pki_types::pem::PemObject::from_pem_slice(&key).unwrap();
        let mut config = builder.with_single_cert(vec![pair.certificate.clone()], key).unwrap();
        config.alpn_protocols = offer.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    };
    let tls = Tls::from_config(config(&[]));
    assert!(matches!(tls.reload(), Err(TlsError::NotFromFiles)));
    let mut served = serve(tls.clone(), ping(), |server| server).await;
    let agreed = async || {
        let stream = TcpStream::connect(served.addr).await.unwrap();
        let stream = pair.over(stream, &["h2", "http/1.1"]).await.unwrap();
        stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec)
    };
    assert_eq!(agreed().await, Some(b"h2".to_vec()));
    tls.replace(config(&["http/1.1"]));
    assert_eq!(agreed().await, Some(b"http/1.1".to_vec()));
    served.stop();
    served.ended().await;
}
