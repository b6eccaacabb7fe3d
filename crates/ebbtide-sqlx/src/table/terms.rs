use std::time::Duration;

/// Long enough that a job stays ours while the database is away for a short time: it is extended every ten seconds, and
/// two of these may fail. Short enough that what a killed consumer held is run again within half a minute.
pub(crate) const DEFAULT_LEASE: Duration = Duration::from_secs(30);

/// A lease that is shorter is over before a busy machine has extended it, and a pause that is shorter keeps one busy.
pub(crate) const SHORTEST: Duration = Duration::from_millis(10);

/// As the tables keep it. What is longer than a century is a century.
pub(crate) fn millis(duration: Duration) -> i64 {
    const CENTURY: i64 = 100 * 366 * 24 * 3600 * 1000;
    i64::try_from(duration.as_millis()).map_or(CENTURY, |millis| millis.min(CENTURY))
}

/// As the tables keep it. PostgreSQL's text holds no NUL, SQLite's ends there for some who read it, and nobody's settlement is
/// to fail for another one's error.
pub(crate) fn text(error: &str) -> String {
    error.replace('\0', "\u{FFFD}")
}
