use clap::Args;

use super::Side;

/// What makes a comparison's own program one of the servers that it compares.
#[derive(Debug, Clone, Copy, Args)]
pub struct ServerArgs {
    /// Be one of the servers.
    #[arg(long, hide = true)]
    pub serve: Option<Side>,

    /// The only core of that server; else it may use all.
    #[arg(long, hide = true, requires = "serve")]
    pub core: Option<usize>,

    /// How many worker threads it gets; else its own default.
    #[arg(long, hide = true, requires = "serve")]
    pub workers: Option<usize>,

    /// Speak HTTP/2 with prior knowledge as well, where that has to be asked for.
    #[arg(long, hide = true, requires = "serve")]
    pub http2: bool,
}

impl ServerArgs {
    /// Nothing but its own defaults.
    pub const DEFAULT: Self = Self { serve: None, core: None, workers: None, http2: false };

    /// One core, and one worker thread for it.
    pub const fn on_core(core: usize) -> Self {
        Self { core: Some(core), workers: Some(1), ..Self::DEFAULT }
    }
}
