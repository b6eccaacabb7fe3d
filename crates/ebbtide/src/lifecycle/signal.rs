/// Names a signal that begins a stop. SIGTERM and SIGINT always do; the others by choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// SIGHUP, which a terminal sends when it closes. Many services reload on it instead.
    Hangup,
    /// SIGQUIT, which some images set as their stop signal.
    Quit,
}

impl Signal {
    pub(super) fn number(self) -> i32 {
        match self {
            Self::Hangup => libc::SIGHUP,
            Self::Quit => libc::SIGQUIT,
        }
    }
}
