//! Which databases have something to flush when they stop.

use crate::common::{check_text, ids};

fn is_found(image: &str, settings: &str) -> bool {
    let text = format!("services:\n  db:\n    image: {image}\n    restart: always\n{settings}");
    ids(&check_text("compose.yaml", &text)).contains(&"C002")
}

#[test]
fn a_redis_without_persistence_has_nothing_to_flush() {
    for (settings, flushes) in [
        ("", true),
        ("    command: redis-server --appendonly yes\n", true),
        ("    command: redis-server --save 60 1 --appendonly no\n", true),
        ("    command: [redis-server, --save, '', --appendonly, 'yes']\n", true),
        ("    command: [redis-server, /etc/redis.conf, --save, '']\n", true),
        ("    command: [redis-server, --save, '', --save, '60 1']\n", true),
        ("    command: redis-server /etc/redis.conf\n", true),
        ("    command: [redis-server, --save, '', --appendonly, 'no']\n", false),
        ("    command: redis-server --save \"\" --maxmemory 100mb\n", false),
        ("    command: [--save, '']\n", false),
        ("    command: [sh, -c, \"exec redis-server --save '' --appendonly no\"]\n", false),
        ("    command: [redis-server, /etc/redis.conf, --save, '', --appendonly, 'no']\n", false),
        ("    command: [redis-sentinel, /etc/sentinel.conf]\n", false),
        ("    command: redis-server /etc/sentinel.conf --sentinel\n", false),
    ] {
        assert_eq!(is_found("redis:7", settings), flushes, "{settings}");
        let valkey = settings.replace("redis-", "valkey-");
        assert_eq!(is_found("valkey/valkey:8", &valkey), flushes, "{valkey}");
    }
    // The options of another database mean something else.
    assert!(is_found("neo4j:5", "    command: [neo4j, --save, '']\n"));
}

#[test]
fn data_in_memory_is_not_flushed() {
    for (image, folder) in
        [("postgres:17", "/var/lib/postgresql/data"), ("mysql:8", "/var/lib/mysql"), ("redis:7", "/data")]
    {
        assert!(is_found(image, ""), "{image}");
        assert!(!is_found(image, &format!("    tmpfs: [/run, '{folder}:size=1g']\n")), "{image}");
        assert!(!is_found(image, &format!("    tmpfs: {folder}\n")), "{image}");
        assert!(!is_found(image, &format!("    volumes: [{{type: tmpfs, target: {folder}}}]\n")), "{image}");
        assert!(is_found(image, "    tmpfs: [/tmp, /run]\n"), "{image}");
        assert!(is_found(image, &format!("    volumes: ['db:{folder}']\n")), "{image}");
    }
    assert!(!is_found("postgres:17", "    tmpfs: /var/lib/postgresql\n"));
    assert!(!is_found("postgres:17", "    tmpfs: /pg\n    environment: {PGDATA: /pg/data}\n"));
    let unit = "[Container]\nImage=docker.io/library/postgres:17\n[Install]\nWantedBy=default.target\n";
    assert!(ids(&check_text("db.container", unit)).contains(&"C002"));
    let in_memory = unit.replace("[Install]", "Tmpfs=/var/lib/postgresql/data\n[Install]");
    assert!(!ids(&check_text("db.container", &in_memory)).contains(&"C002"));
}
