/// Names a signal that begins a shutdown. With [`Lifecycle::new`](super::Lifecycle::new), SIGTERM and SIGINT do; the others by choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// SIGTERM, which platforms send.
    Terminate,
    /// SIGINT, which a terminal sends on Ctrl-C.
    Interrupt,
    /// SIGHUP, which a terminal sends when it closes. Many services reload on it instead.
    Hangup,
    /// SIGQUIT, which some images set as their stop signal.
    Quit,
}

impl Signal {
    pub(super) fn number(self) -> i32 {
        match self {
            Self::Terminate => libc::SIGTERM,
            Self::Interrupt => libc::SIGINT,
            Self::Hangup => libc::SIGHUP,
            Self::Quit => libc::SIGQUIT,
        }
    }
}
