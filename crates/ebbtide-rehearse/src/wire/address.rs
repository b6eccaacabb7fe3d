//! Where requests go, and what they carry.

use std::sync::Arc;

use http::HeaderValue;

use super::tls::{TlsClients, TlsTarget};
use crate::record::{Endpoint, RequestIds};
use crate::scenario::{Protocol, RequestTemplate, Target};

/// Where requests go: the socket, and what each of them carries.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// The address to connect to.
    pub socket: Endpoint,
    /// The `Host` header.
    pub authority: String,
    /// The ids of the requests of the load.
    pub(super) ids: RequestIds,
    /// Headers and body.
    pub template: Arc<RequestTemplate>,
    /// The type of the template's body, if no header names one.
    pub(super) content_type: Option<HeaderValue>,
    /// Whether little of a response waits in the socket, so that the service sees how slowly it is read.
    pub(super) reads_slowly: bool,
    /// TLS, if it is an `https://` address.
    pub(crate) tls: Option<TlsTarget>,
    clients: Arc<TlsClients>,
}

impl Address {
    /// Returns the address for a load with these ids.
    pub(crate) fn with_ids(self, ids: RequestIds) -> Self {
        Self { ids, ..self }
    }

    /// Returns the address for requests over HTTP/1.
    pub(crate) fn over_http1(&self) -> Self {
        let template = RequestTemplate { protocol: Protocol::Http1, ..(*self.template).clone() };
        Self { template: Arc::new(template), ..self.clone() }
    }

    /// Returns the address for requests over HTTP/2.
    pub(crate) fn over_http2(&self) -> Self {
        let protocol = match self.template.protocol {
            Protocol::Http1 => Protocol::Http2 { streams: 1 },
            http2 => http2,
        };
        Self { template: Arc::new(RequestTemplate { protocol, ..(*self.template).clone() }), ..self.clone() }
    }

    /// Returns the address for responses that are read slowly.
    pub(crate) fn reading_slowly(&self) -> Self {
        Self { reads_slowly: true, ..self.clone() }
    }

    /// Returns the address for requests without TLS.
    pub(crate) fn without_tls(&self) -> Self {
        Self { tls: None, ..self.clone() }
    }

    /// Returns the address for requests over TLS, whatever the certificate.
    pub(crate) fn over_any_tls(&self) -> Self {
        Self { tls: Some(TlsTarget::any()), ..self.clone() }
    }

    /// Returns the address of another target, which was resolved to `socket`, for the same requests.
    pub(crate) fn beside(&self, socket: Endpoint, target: &Target) -> Self {
        Self::new(socket, target, &self.template, &self.clients).with_ids(self.ids)
    }

    /// Creates the address of `target`, which was resolved to `socket`.
    pub(crate) fn new(
        socket: Endpoint,
        target: &Target,
        template: &Arc<RequestTemplate>,
        clients: &Arc<TlsClients>,
    ) -> Self {
        let host = template.host.as_ref();
        Self {
            socket,
            ids: RequestIds::default(),
            authority: host.map_or_else(|| target.authority(), |host| host.as_str().to_owned()),
            template: Arc::clone(template),
            content_type: template.content_type(),
            reads_slowly: false,
            tls: target.tls.then(|| TlsTarget::new(clients, target, template)),
            clients: Arc::clone(clients),
        }
    }
}
