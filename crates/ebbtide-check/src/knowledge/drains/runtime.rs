use std::time::Duration;

use crate::model::seconds;

/// A program whose drain time flags or variables declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runtime {
    Gunicorn,
    Hypercorn,
    Uvicorn,
    Sidekiq,
    Nginx,
    Traefik,
    Java,
    Dotnet,
}

impl Runtime {
    /// Returns the runtime that a program is, by its name without its folder.
    pub(super) fn of_program(name: &str) -> Option<Self> {
        match name {
            "gunicorn" => Some(Self::Gunicorn),
            "hypercorn" => Some(Self::Hypercorn),
            "uvicorn" => Some(Self::Uvicorn),
            "sidekiq" => Some(Self::Sidekiq),
            "nginx" => Some(Self::Nginx),
            "traefik" => Some(Self::Traefik),
            "java" => Some(Self::Java),
            "dotnet" => Some(Self::Dotnet),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gunicorn => "gunicorn",
            Self::Hypercorn => "hypercorn",
            Self::Uvicorn => "uvicorn",
            Self::Sidekiq => "sidekiq",
            Self::Nginx => "nginx",
            Self::Traefik => "traefik",
            Self::Java => "java",
            Self::Dotnet => "dotnet",
        }
    }

    /// Returns the drain time if nothing sets it. PLATFORMS.md, A.7, has the sources.
    pub(super) fn default(self) -> Option<Duration> {
        match self {
            Self::Gunicorn => Some(seconds(30)),
            Self::Sidekiq => Some(seconds(25)),
            Self::Traefik => Some(seconds(10)),
            _ => None,
        }
    }

    /// Returns whether a signal begins the drain rather than stops it at once, or does nothing.
    pub(super) fn drains_at(self, signal: &str) -> bool {
        let own: &[&str] = match self {
            // SIGINT and SIGQUIT are its quick shutdown.
            Self::Gunicorn => &["TERM"],
            // SIGTERM and SIGINT are its fast shutdown.
            Self::Nginx => &["QUIT"],
            Self::Hypercorn | Self::Uvicorn | Self::Sidekiq | Self::Traefik => &["TERM", "INT"],
            Self::Java => &["TERM", "INT", "HUP"],
            Self::Dotnet => &["TERM", "INT", "QUIT"],
        };
        own.contains(&signal)
    }
}
