use std::time::Duration;

use super::{Declared, seconds};
use crate::input::Place;

/// A way on which traffic reaches a workload.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) kind: RouteKind,
    /// What it is called in findings, such as `Ingress shop/api`.
    pub(crate) name: String,
    pub(crate) place: Place,
    /// How long a load balancer keeps a target after its removal, where that can be set.
    pub(crate) deregistration: Option<Declared<Duration>>,
    /// Whether new pods wait until the load balancer has them. Nothing if the files do not say.
    pub(crate) has_readiness_gate: Option<bool>,
    /// How long a load balancer sends to a node without ready pods, if its health check of the node is written.
    pub(crate) node_removal: Option<(Duration, Place)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RouteKind {
    /// A Service inside of the cluster.
    Cluster,
    /// Service discovery: the catalogue of Nomad or Consul.
    Catalog,
    /// A Service of type NodePort.
    NodePort,
    /// An Ingress whose controller reads endpoints, as ingress-nginx does.
    Ingress,
    /// A route of the Gateway API.
    Gateway,
    /// A Service of type LoadBalancer.
    LoadBalancer,
    /// A load balancer that sends to the addresses of the instances: an AWS ALB in ip mode.
    AlbIp,
    /// A network load balancer of AWS that sends to the addresses of the pods.
    Nlb,
}

impl RouteKind {
    /// Returns how long it may send new requests after the stop began. PLATFORMS.md, A.1.6: reports of users, not promises.
    pub(crate) const fn propagation(self) -> Duration {
        match self {
            Self::Cluster
            | Self::Catalog
            | Self::NodePort
            | Self::Ingress
            | Self::Gateway
            | Self::LoadBalancer => seconds(5),
            Self::AlbIp => seconds(15),
            Self::Nlb => seconds(120),
        }
    }

    /// Returns whether it is made to carry traffic from outside of the cluster.
    pub(crate) fn is_external(self) -> bool {
        !matches!(self, Self::Cluster | Self::Catalog | Self::NodePort)
    }
}
