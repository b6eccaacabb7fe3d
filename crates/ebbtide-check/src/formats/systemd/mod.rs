//! Service units of systemd and their drop-ins.

mod file;
mod service;
mod time;

pub(crate) use file::{UnitFile, is_unit, join};
