//! What a client of TLS trusts and offers.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as RustlsError, RootCertStore,
    SignatureScheme,
};

use super::TlsFailure;
use crate::scenario::{Protocol, RequestTemplate, Target, Trust, TrustedCertificates};

/// The configurations of a run's clients, which share their sessions. Created when they are first used.
#[derive(Debug, Default)]
pub(crate) struct TlsClients {
    trust: Trust,
    http1: OnceLock<Option<Arc<ClientConfig>>>,
    http2: OnceLock<Option<Arc<ClientConfig>>>,
}

/// TLS to one address.
#[derive(Clone, Debug)]
pub(crate) struct TlsTarget {
    clients: Arc<TlsClients>,
    /// The name in the certificate; `None`: no certificate can have it.
    pub(super) name: Option<ServerName<'static>>,
}

impl TlsClients {
    pub(crate) fn new(trust: &Trust) -> Self {
        Self { trust: trust.clone(), ..Self::default() }
    }
}

impl TlsTarget {
    /// Returns TLS to `target`, whose certificate has the name of the template's host, if there is one.
    pub(crate) fn new(clients: &Arc<TlsClients>, target: &Target, template: &RequestTemplate) -> Self {
        let host = template.host.as_ref().map_or(target.host(), |host| host.name());
        let name = host.trim_matches(['[', ']']).to_owned();
        Self { clients: Arc::clone(clients), name: ServerName::try_from(name).ok() }
    }

    /// Returns TLS with any certificate, which only shows whether a server speaks TLS.
    pub(crate) fn any() -> Self {
        let clients = Arc::new(TlsClients::new(&Trust::any()));
        Self { clients, name: ServerName::try_from("localhost").ok() }
    }

    /// Returns the configuration of a client that speaks `protocol`.
    pub(super) fn config(&self, protocol: Protocol) -> Result<Arc<ClientConfig>, TlsFailure> {
        let (config, offered): (_, &[&[u8]]) = match protocol {
            Protocol::Http1 => (&self.clients.http1, &[b"http/1.1"]),
            // HTTP/1.1 as well: a server that has only that one selects it, and can be named.
            Protocol::Http2 { .. } => (&self.clients.http2, &[b"h2", b"http/1.1"]),
        };
        let config = config.get_or_init(|| {
            let mut config = config_for(&self.clients.trust).ok()?;
            config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
            Some(Arc::new(config))
        });
        config.clone().ok_or(TlsFailure::Handshake)
    }
}

fn config_for(trust: &Trust) -> Result<ClientConfig, RustlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let mut roots = RootCertStore::empty();
    let listed = match trust.certificates() {
        TrustedCertificates::Any => None,
        TrustedCertificates::System => {
            // What cannot be read is not trusted, which the handshake shows.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(builder.with_root_certificates(roots).with_no_client_auth());
        }
        TrustedCertificates::Listed(certificates) => {
            roots.add_parsable_certificates(certificates.iter().cloned());
            let signed =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
            let signed = signed.map_err(|error| RustlsError::General(error.to_string()))?;
            Some(Listed { certificates: certificates.clone(), signed })
        }
    };
    let verifier = Arc::new(Verifier { provider, listed });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Verifies that the server has the key of its certificate, and of the certificate what the user asks for.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// `None`: every certificate is accepted.
    listed: Option<Listed>,
}

/// The listed certificates, and what verifies that they have signed another one.
#[derive(Debug)]
struct Listed {
    certificates: Vec<CertificateDer<'static>>,
    signed: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Verifier {
    /// Accepts what the listed certificates have signed, and these themselves: a self-signed certificate of `openssl req -x509` says
    /// that it is an authority, and would otherwise not be accepted as that of a server.
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        let Some(Listed { certificates, signed }) = &self.listed else {
            return Ok(ServerCertVerified::assertion());
        };
        match signed.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            Err(RustlsError::InvalidCertificate(CertificateError::Other(_)))
                if certificates.iter().any(|listed| **listed == **end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
