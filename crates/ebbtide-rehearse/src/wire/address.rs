//! Where requests go, and what they carry.

use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderValue;

use crate::scenario::{Protocol, RequestTemplate, Target};

/// Where requests go: the socket, and what each of them carries.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// The address to connect to.
    pub socket: SocketAddr,
    /// The `Host` header.
    pub authority: String,
    /// Headers and body.
    pub template: Arc<RequestTemplate>,
    /// The type of the template's body, if no header names one.
    pub(super) content_type: Option<HeaderValue>,
}

impl Address {
    /// Returns the address for requests over HTTP/1.
    pub(crate) fn over_http1(&self) -> Self {
        let template = RequestTemplate { protocol: Protocol::Http1, ..(*self.template).clone() };
        Self { template: Arc::new(template), ..self.clone() }
    }

    /// Creates the address of `target`, which was resolved to `socket`.
    pub(crate) fn new(socket: SocketAddr, target: &Target, template: &Arc<RequestTemplate>) -> Self {
        let host = template.host.as_ref();
        Self {
            socket,
            authority: host.map_or_else(|| target.authority(), |host| host.as_str().to_owned()),
            template: Arc::clone(template),
            content_type: template.content_type(),
        }
    }
}
