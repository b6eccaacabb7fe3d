use clap::{Args, ValueEnum};

/// Who serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Side {
    /// `ebbtide::http` under a lifecycle.
    Ebbtide,
    /// `axum::serve` with `with_graceful_shutdown`.
    Axum,
    /// hyper-util's connections with its `GracefulShutdown`.
    Hyper,
    /// `axum_server` with a handle's `graceful_shutdown`.
    AxumServer,
    /// `actix_web::HttpServer`, which takes the signal itself.
    Actix,
}

impl Side {
    /// All, in the order in which they are printed.
    pub const ALL: [Self; 5] = [Self::Ebbtide, Self::Axum, Self::Hyper, Self::AxumServer, Self::Actix];

    /// Ours and the one that is compared with most.
    pub const BOTH: [Self; 2] = [Self::Ebbtide, Self::Axum];

    /// The name on the command line and in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ebbtide => "ebbtide",
            Self::Axum => "axum",
            Self::Hyper => "hyper",
            Self::AxumServer => "axum-server",
            Self::Actix => "actix",
        }
    }

    /// All, beginning with another one in each round: nobody always comes after the same one.
    pub fn in_round(round: u32) -> [Self; 5] {
        let mut sides = Self::ALL;
        sides.rotate_left(round as usize % Self::ALL.len());
        sides
    }
}

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
