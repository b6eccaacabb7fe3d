/// Says to the peer why the connection is closed (RFC 6455 §7.4 and the IANA registry).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseCode {
    /// 1001: this server is going away; another may be there already.
    #[default]
    GoingAway,
    /// 1012: the service restarts. Clients that know the code come back after a while, chosen at random.
    ServiceRestart,
    /// Another code that the application and its clients agree on, from 3000 to 4999.
    Other(u16),
}

impl CloseCode {
    /// Returns the number that stands in the frame.
    pub fn number(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::ServiceRestart => 1012,
            Self::Other(code) => code,
        }
    }
}
