//! The units of systemd and Podman that have a shutdown, or belong to such a unit.

/// A kind of units.
pub(crate) struct UnitKind {
    /// How their names end.
    pub(crate) ending: &'static str,
    pub(crate) section: &'static str,
    pub(crate) role: UnitRole,
}

/// What a unit is to a shutdown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnitRole {
    /// It runs a program.
    Program,
    /// It makes the image of one.
    Image,
    /// It has the containers of other units.
    Pod,
    /// It is used by them.
    Resource,
}

pub(crate) const UNITS: [UnitKind; 8] = [
    UnitKind { ending: ".service", section: "[Service]", role: UnitRole::Program },
    UnitKind { ending: ".container", section: "[Container]", role: UnitRole::Program },
    UnitKind { ending: ".kube", section: "[Kube]", role: UnitRole::Program },
    UnitKind { ending: ".build", section: "[Build]", role: UnitRole::Image },
    UnitKind { ending: ".image", section: "[Image]", role: UnitRole::Image },
    UnitKind { ending: ".pod", section: "[Pod]", role: UnitRole::Pod },
    UnitKind { ending: ".volume", section: "[Volume]", role: UnitRole::Resource },
    UnitKind { ending: ".network", section: "[Network]", role: UnitRole::Resource },
];

/// Returns the kind of units that a name is one of.
pub(crate) fn unit_kind(name: &str) -> Option<&'static UnitKind> {
    UNITS.iter().find(|kind| name.ends_with(kind.ending))
}
