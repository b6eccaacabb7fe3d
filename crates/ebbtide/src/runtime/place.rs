use std::io;
use std::thread;

/// Where a lifecycle runs, which decides how it ends and what it may do to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It owns the process.
    Process,
    /// It is one of several in a process that is not its own: in a test, or a server alone. It ends nothing but itself.
    #[cfg(any(feature = "testing", feature = "http"))]
    Guest,
}

impl Place {
    /// Tells whether it owns the process.
    pub(crate) fn is_process(self) -> bool {
        self == Self::Process
    }

    /// Runs something that may block, without holding the runtime.
    pub(crate) fn run_aside(self, name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        match self {
            Self::Process => thread::Builder::new().name(name).spawn(run).map(drop),
            // Paused time stands still while something runs here; it would leap over what a thread of its own does.
            #[cfg(any(feature = "testing", feature = "http"))]
            Self::Guest => {
                drop(tokio::task::spawn_blocking(run));
                Ok(())
            }
        }
    }
}
