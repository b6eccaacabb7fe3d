//! What the relays between the service and its dependencies saw.

use serde::{Deserialize, Serialize};

use crate::clock::At;

/// A dependency of the service, and its connections through the relay.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RelayedDependency {
    /// Its name.
    pub name: String,
    /// Its protocol.
    pub protocol: DependencyProtocol,
    /// Connections of the service for which the relay reached no dependency.
    pub unreachable: u64,
    /// The number of connections that ended before the signal.
    pub earlier: u64,
    /// The others, in the order in which they were opened.
    pub connections: Vec<RelayedConnection>,
    /// The processes that had these open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<ConnectionOwner>,
}

/// A process of the service that had a connection open.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConnectionOwner {
    /// Its process id.
    pub pid: i32,
    /// Its program and its script, or its title: `node server.js`.
    pub command: String,
    /// Whether it is the process that was started, and gets the signal.
    pub main: bool,
}

/// What the open files of the service's processes show of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum OwnerSeen {
    /// One process has it open.
    One(ConnectionOwner),
    /// More than one has: which of them uses it is not known.
    Several,
    /// None has, or it is closed.
    Unknown,
}

/// A protocol whose end of a connection is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DependencyProtocol {
    /// PostgreSQL: Terminate.
    Postgres,
    /// MySQL and MariaDB: COM_QUIT.
    Mysql,
    /// Redis and Valkey: no message is required.
    Redis,
    /// AMQP 0-9-1: connection.close.
    Rabbitmq,
    /// NATS: no message; a connection without subscriptions.
    Nats,
    /// Any other: none is known.
    Tcp,
}

impl DependencyProtocol {
    /// Every protocol, in the order of the help.
    pub const ALL: [Self; 6] =
        [Self::Postgres, Self::Mysql, Self::Redis, Self::Rabbitmq, Self::Nats, Self::Tcp];

    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Redis => "redis",
            Self::Rabbitmq => "rabbitmq",
            Self::Nats => "nats",
            Self::Tcp => "tcp",
        }
    }

    /// Returns the message with which every client of the protocol has to end a connection, if there is one.
    pub fn goodbye(self) -> Option<&'static str> {
        match self {
            Self::Postgres => Some("Terminate"),
            Self::Mysql => Some("COM_QUIT"),
            Self::Rabbitmq => Some("connection.close"),
            Self::Redis | Self::Nats | Self::Tcp => None,
        }
    }

    /// Returns whether the server answers whatever a client sends.
    pub(crate) fn answers(self) -> bool {
        matches!(self, Self::Postgres | Self::Mysql | Self::Redis)
    }
}

/// A connection of the service to a dependency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RelayedConnection {
    /// When it was opened.
    pub opened: At,
    /// When it ended first on one side, and on which. `None`: it was open to the end of the watch.
    pub ended: Option<(At, ConnectionSide)>,
    /// It ended by a reset.
    pub reset: bool,
    /// The service had sent the protocol's last message.
    pub goodbye: bool,
    /// What the service had sent last was not answered yet.
    pub awaiting: bool,
    /// It had subscriptions.
    pub subscribed: bool,
    /// The messages could not be read: TLS, compression, or another version.
    pub opaque: bool,
    /// After the end had been seen, its owner, or else the process of the service, was still running: it closed the connection, and not the
    /// kernel.
    pub running: bool,
    /// The process of the service had children when it was opened or ended: without a known owner it may have been one of theirs, and have ended
    /// with that one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub children: bool,
    /// The process id of its owner, the one process of the service that had it open; `None`: not known, or there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<i32>,
    /// Deliveries to it that the service had not acknowledged when it or their channel ended, as far as that is certain.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unacknowledged: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A side of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionSide {
    /// The service.
    Service,
    /// The dependency.
    Dependency,
}
