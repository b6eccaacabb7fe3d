/// A server whose official image has a stop signal of its own.
pub(crate) struct Server {
    pub(crate) signal: &'static str,
    /// The begins of the names of its programs.
    pub(crate) programs: &'static [&'static str],
    /// What users see when another signal stops it.
    pub(crate) effect: &'static str,
}

const NGINX: Server = Server {
    signal: "SIGQUIT",
    programs: &["nginx", "/docker-entrypoint"],
    effect: "SIGTERM is nginx's fast shutdown: requests in flight are reset at each stop",
};
const PHP_FPM: Server = Server {
    signal: "SIGQUIT",
    programs: &["php-fpm", "php"],
    effect: "SIGTERM is the immediate stop of php-fpm: requests in flight are reset at each stop",
};
const APACHE: Server = Server {
    signal: "SIGWINCH",
    programs: &["apache2", "httpd"],
    effect: "SIGTERM is the immediate stop of Apache: requests in flight are reset at each stop",
};
const POSTGRES: Server = Server {
    signal: "SIGINT",
    programs: &["postgres", "pg_"],
    effect: "SIGTERM is the smart shutdown of PostgreSQL: it waits until every client has disconnected, and is killed at the end of the \
             grace period",
};
const HAPROXY: Server = Server {
    signal: "SIGUSR1",
    programs: &["haproxy"],
    effect: "SIGTERM is the immediate stop of HAProxy: connections are reset at each stop",
};

/// Returns the server of an official image with a stop signal of its own.
pub(crate) fn server_of_image(image: &str) -> Option<&'static Server> {
    let image = image.strip_prefix("docker.io/").unwrap_or(image);
    let image = image.strip_prefix("library/").unwrap_or(image);
    let (name, tag) = image.split_once(':').unwrap_or((image, ""));
    match name {
        "nginx" | "nginxinc/nginx-unprivileged" => Some(&NGINX),
        "php" if tag.contains("fpm") => Some(&PHP_FPM),
        "php" if tag.contains("apache") => Some(&APACHE),
        "httpd" => Some(&APACHE),
        "postgres" => Some(&POSTGRES),
        "haproxy" => Some(&HAPROXY),
        _ => None,
    }
}

/// Returns whether an image is a database or a broker that flushes when it stops.
pub(crate) fn is_stateful(name: &str) -> bool {
    const NAMES: [&str; 22] = [
        "postgres",
        "mysql",
        "mariadb",
        "mongo",
        "redis",
        "valkey",
        "rabbitmq",
        "elasticsearch",
        "opensearch",
        "cassandra",
        "kafka",
        "couchdb",
        "clickhouse-server",
        "influxdb",
        "neo4j",
        "sonarqube",
        "zookeeper",
        "etcd",
        "timescaledb",
        "postgis",
        "percona",
        "cockroach",
    ];
    NAMES.contains(&name)
}
