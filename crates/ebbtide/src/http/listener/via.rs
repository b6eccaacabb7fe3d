#[cfg(feature = "tls")]
use crate::http::Tls;
use crate::http::conn::Opening;

/// What lies between a listener's sockets and HTTP.
#[derive(Clone, Debug, Default)]
pub(crate) struct Via {
    /// A load balancer says first for whom it speaks.
    pub(crate) proxy_header: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
}

impl Via {
    /// Returns what a connection goes through first; `None` when that is HTTP.
    pub(crate) fn first_opening(&self) -> Option<Opening> {
        #[cfg(feature = "tls")]
        let handshake = self.tls.as_ref().map(|_| Opening::Handshake);
        #[cfg(not(feature = "tls"))]
        let handshake = None;
        if self.proxy_header { Some(Opening::ProxyHeader) } else { handshake }
    }
}
