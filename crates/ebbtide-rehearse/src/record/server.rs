//! The server that a service is or has, as far as it was recognised.

use serde::{Deserialize, Serialize};

/// A server whose way to stop is known, or a wrapper in front of one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerKind {
    /// A shell that started the service and waits for it.
    Shell,
    /// npm, pnpm or yarn, which started the service.
    Npm,
    /// nginx.
    Nginx,
    /// HAProxy.
    Haproxy,
    /// The Apache HTTP server.
    Apache,
    /// Caddy.
    Caddy,
    /// PHP-FPM.
    PhpFpm,
    /// A Go program.
    Go,
    /// Node.
    Node,
    /// Express on Node.
    Express,
    /// Fastify on Node.
    Fastify,
    /// uvicorn.
    Uvicorn,
    /// gunicorn.
    Gunicorn,
    /// hypercorn.
    Hypercorn,
    /// Puma.
    Puma,
    /// Spring Boot.
    Spring,
    /// Tomcat without Spring Boot.
    Tomcat,
    /// Kestrel, the server of ASP.NET Core.
    Kestrel,
}

/// A recognised server, and by what it was recognised.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recognised {
    /// The server.
    pub server: ServerKind,
    /// The evidence, as a clause.
    pub by: String,
}
