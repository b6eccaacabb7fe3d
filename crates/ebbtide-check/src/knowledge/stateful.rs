//! Databases and brokers that flush when they stop.

use std::path::Path;

use super::programs::{may_run, programs};
use crate::model::Container;

/// A database or a broker.
struct Stateful {
    /// The names of its images, without registry and owner.
    images: &'static [&'static str],
    /// The programs that these are made for, or the first words of arguments that their entry points take.
    programs: &'static [&'static str],
    /// Where the images keep the data.
    folders: &'static [&'static str],
}

const fn of(
    images: &'static [&'static str],
    programs: &'static [&'static str],
    folders: &'static [&'static str],
) -> Stateful {
    Stateful { images, programs, folders }
}

const ALL: [Stateful; 18] = [
    of(&["postgres", "timescaledb", "postgis"], &["postgres"], &["/var/lib/postgresql/data"]),
    of(&["mysql", "mariadb", "percona"], &["mysqld", "mariadbd", "mysqld_safe"], &["/var/lib/mysql"]),
    of(&["mongo"], &["mongod", "mongos"], &["/data/db"]),
    of(&["redis"], &["redis-server"], &["/data"]),
    of(&["valkey"], &["valkey-server"], &["/data"]),
    of(&["rabbitmq"], &["rabbitmq-server"], &["/var/lib/rabbitmq"]),
    of(&["elasticsearch"], &["elasticsearch", "eswrapper"], &["/usr/share/elasticsearch/data"]),
    of(&["opensearch"], &["opensearch", "opensearchwrapper"], &["/usr/share/opensearch/data"]),
    of(&["cassandra"], &["cassandra"], &["/var/lib/cassandra"]),
    of(&["kafka"], &["kafka-server-start", "start-kafka", "run"], &["/var/lib/kafka/data", "/bitnami/kafka"]),
    of(&["couchdb"], &["couchdb"], &["/opt/couchdb/data"]),
    of(&["clickhouse-server"], &["clickhouse", "clickhouse-server"], &["/var/lib/clickhouse"]),
    of(&["influxdb"], &["influxd"], &["/var/lib/influxdb", "/var/lib/influxdb2"]),
    of(&["neo4j"], &["neo4j"], &["/data"]),
    of(&["sonarqube"], &["java", "sonar"], &["/opt/sonarqube/data"]),
    of(&["zookeeper"], &["zkServer"], &["/data"]),
    of(&["etcd"], &["etcd"], &["/etcd-data"]),
    of(&["cockroach"], &["cockroach", "start", "start-single-node"], &["/cockroach/cockroach-data"]),
];

/// Returns whether an image is that of a database or a broker that flushes when it stops.
pub(crate) fn is_stateful(image: &str) -> bool {
    of_image(image).is_some()
}

/// Returns whether a container may run one of them, and has something to flush: a backup or a client in the image of the server has not, nor has a
/// server that keeps its data in memory alone.
pub(crate) fn flushes(container: &Container) -> bool {
    let Some(name) = container.image_name() else { return false };
    let Some(stateful) = of_image(name) else { return false };
    may_run(container, stateful.programs)
        && !is_in_memory(container, stateful)
        && !(matches!(name, "redis" | "valkey") && has_no_persistence(container))
}

fn of_image(image: &str) -> Option<&'static Stateful> {
    ALL.iter().find(|stateful| stateful.images.contains(&image))
}

/// Returns whether the folder of the data is a file system in memory.
fn is_in_memory(container: &Container, stateful: &Stateful) -> bool {
    let set = container.variables.iter().find(|variable| variable.name == "PGDATA");
    let set = set.and_then(|variable| variable.value.as_deref());
    let mut folders = set.as_slice().iter().chain(stateful.folders).map(Path::new);
    folders.any(|folder| container.in_memory.iter().any(|memory| folder.starts_with(memory)))
}

/// Returns whether options switch off both ways in which Redis and Valkey write to disk, or make a sentinel of the server. A file of settings that is
/// named before the options counts less than they do, and may switch on the second way.
fn has_no_persistence(container: &Container) -> bool {
    let programs = programs(container);
    let is_off = |words: &[&str]| {
        let values = |option: &str| {
            let next = words.windows(2).filter_map(|pair| match pair {
                [name, value] if name.eq_ignore_ascii_case(option) => Some(*value),
                _ => None,
            });
            next.collect::<Vec<_>>()
        };
        let (saves, appends) = (values("--save"), values("--appendonly"));
        let appends_nothing = match appends.last() {
            Some(value) => value.eq_ignore_ascii_case("no"),
            None => words.iter().all(|word| !word.ends_with(".conf")),
        };
        words.contains(&"--sentinel")
            || (!saves.is_empty() && saves.iter().all(|value| value.is_empty()) && appends_nothing)
    };
    !programs.is_empty()
        && programs.iter().all(|program| {
            let words: Vec<&str> =
                program.words.iter().map(|word| word.text.trim_matches(['"', '\''])).collect();
            is_off(&words)
        })
}
