//! The servers that tests use: those that the environment names, or the local ones.

fn named(variable: &str, local: &str) -> String {
    std::env::var(variable).ok().filter(|url| !url.is_empty()).unwrap_or_else(|| local.to_owned())
}

/// PostgreSQL.
pub fn postgres() -> String {
    named("EBBTIDE_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres")
}

/// Redis.
pub fn redis() -> String {
    named("EBBTIDE_TEST_REDIS", "redis://127.0.0.1:6379/")
}

/// RabbitMQ.
pub fn rabbitmq() -> String {
    named("EBBTIDE_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672/%2f")
}

/// NATS.
pub fn nats() -> String {
    named("EBBTIDE_TEST_NATS", "nats://127.0.0.1:4222")
}

/// The `host:port` of a URL.
pub fn address(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?']).next().unwrap_or_default();
    rest.rsplit_once('@').map_or(rest, |(_, address)| address).to_owned()
}

/// The URL with another address in it.
pub fn through(url: &str, proxy: std::net::SocketAddr) -> String {
    url.replacen(&address(url), &proxy.to_string(), 1)
}

/// A name for what a test makes on a server. No other process has it, and none that was killed has left it behind.
pub fn unique(what: &str) -> String {
    format!("ebbtide-e2e-{what}-{}-{:08x}", std::process::id(), fastrand::u32(..))
}
