use clap::ValueEnum;

/// Who serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Side {
    /// `ebbtide::http` under a lifecycle.
    Ebbtide,
    /// `axum::serve` with `with_graceful_shutdown`.
    Axum,
}

impl Side {
    /// Both, in the order in which they are printed.
    pub const BOTH: [Self; 2] = [Self::Ebbtide, Self::Axum];

    /// The name on the command line and in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ebbtide => "ebbtide",
            Self::Axum => "axum",
        }
    }
}
