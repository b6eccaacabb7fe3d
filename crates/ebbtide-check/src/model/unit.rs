use super::{Command, Declared};
use crate::input::Place;

/// What a systemd service says beside its command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unit {
    /// Whether a oneshot unit stays active after its command, and is stopped later.
    pub(crate) remains: bool,
    pub(crate) kill_mode: Option<Declared<String>>,
    pub(crate) kill_signal: Option<Declared<String>>,
    pub(crate) final_kill_signal: Option<Declared<String>>,
    /// Where SIGKILL is turned off.
    pub(crate) without_sigkill: Option<Place>,
    pub(crate) exec_stop: Vec<Command>,
    pub(crate) is_notify: bool,
    pub(crate) restart: Option<Declared<String>>,
    pub(crate) success_exit_status: Vec<String>,
}
