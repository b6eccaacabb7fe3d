//! Service units of systemd and containers of Podman (Quadlet), with their drop-ins.

mod environment;
mod expand;
mod file;
mod kube;
mod links;
mod merge;
mod quadlet;
mod service;
mod time;

pub(crate) use environment::join_env_files;
pub(crate) use expand::expand_variables;
pub(crate) use file::{broken, broken_line, has_unit_name, is_mask, is_unit, join, without_program};
pub(crate) use merge::UnitFile;
pub(crate) use service::{note_unreadable, unset_variables};
