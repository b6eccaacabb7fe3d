//! The demo behind relays: which of its dependencies has one, and the addresses that the demo and the rehearsal get.

use ebbtide_demo::queue::{QueueKind, QueuePlace};
use ebbtide_rehearse::{DependencyProtocol, Via};

use super::service::BadDemo;

/// The brokers of the demo to which a relay can lead.
const BROKERS: [(DependencyProtocol, QueueKind); 4] = [
    (DependencyProtocol::Postgres, QueueKind::Postgres),
    (DependencyProtocol::Redis, QueueKind::Redis),
    (DependencyProtocol::Rabbitmq, QueueKind::Rabbitmq),
    (DependencyProtocol::Nats, QueueKind::Nats),
];

/// Returns the database of a demo with `vias`: `database`, or else the one on this machine if a relay leads to it. It is where the relay leads
/// to.
pub(crate) fn demo_database(database: Option<String>, vias: &[Via]) -> Option<String> {
    match to(QueueKind::Postgres, vias) {
        Some(via) => {
            let url = database.unwrap_or_else(|| QueueKind::Postgres.url());
            Some(moved(&url, &via.target.authority()))
        }
        None => database,
    }
}

/// The variables from which the demo reads where its database and its broker are.
const VARIABLES: [&str; 5] = ["DATABASE_URL", "REDIS_URL", "AMQP_URL", "RABBITMQ_URL", "NATS_URL"];

/// Checks that `env`, which only the demo gets, does not lead it elsewhere than the rehearsal, which reads what the demo leaves behind.
pub(super) fn check_variables(env: &[(String, String)]) -> Result<(), BadDemo> {
    let named = env.iter().find(|(name, _)| VARIABLES.contains(&name.as_str()));
    named.map_or(Ok(()), |(name, _)| Err(BadDemo::Variable(name.clone())))
}

/// Checks that the demo, whose queue is at `queue`, reaches each dependency of `vias`, by a relay of its own.
pub(super) fn check(queue: QueueKind, vias: &[Via]) -> Result<(), BadDemo> {
    for (at, via) in vias.iter().enumerate() {
        let broker = BROKERS.into_iter().find(|(protocol, _)| *protocol == via.protocol);
        // A relay to PostgreSQL makes it the database of the orders, whatever the queue.
        let is_reached = broker.is_some_and(|(_, kind)| [queue, QueueKind::Postgres].contains(&kind));
        if !is_reached {
            return Err(BadDemo::NoUse { name: via.name.clone(), broker: broker.map(|(_, kind)| kind) });
        }
        if let Some(earlier) = vias.iter().take(at).find(|earlier| earlier.protocol == via.protocol) {
            return Err(BadDemo::TwoRelays(earlier.name.clone(), via.name.clone()));
        }
    }
    Ok(())
}

/// Returns `queue` where the relay of `vias` leads to, if one does.
pub(super) fn behind(queue: QueuePlace, vias: &[Via]) -> QueuePlace {
    match to(queue.kind, vias) {
        Some(via) => QueuePlace { url: moved(&queue.url, &via.target.authority()), ..queue },
        None => queue,
    }
}

/// Returns the variables by which the demo reaches its database and its queue, these where they are: through the relays of `vias`.
pub(super) fn variables(
    database: Option<&str>,
    queue: Option<&QueuePlace>,
    vias: &[Via],
) -> Vec<(&'static str, String)> {
    let database = database.map(|url| (QueueKind::Postgres, url.to_owned()));
    let queue = queue.filter(|queue| queue.kind != QueueKind::Postgres && to(queue.kind, vias).is_some());
    let places = database.into_iter().chain(queue.map(|queue| (queue.kind, queue.url.clone())));
    let variable = |(kind, url): (QueueKind, String)| {
        let url =
            to(kind, vias).map_or_else(|| url.clone(), |via| moved(&url, &format!("{{via.{}}}", via.name)));
        (kind.variable(), url)
    };
    places.map(variable).collect()
}

/// Returns the dependency of `vias` that is `kind`.
fn to(kind: QueueKind, vias: &[Via]) -> Option<&Via> {
    let protocol = BROKERS.into_iter().find(|(_, broker)| *broker == kind).map(|(protocol, _)| protocol);
    vias.iter().find(|via| Some(via.protocol) == protocol)
}

/// Returns `url` with `place` as its host and port.
fn moved(url: &str, place: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let user = authority.rsplit_once('@').map_or(String::new(), |(user, _)| format!("{user}@"));
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{user}{place}{path}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn vias(texts: &[&str]) -> Vec<Via> {
        texts.iter().map(|text| Via::parse(text).unwrap()).collect()
    }

    fn queue(kind: QueueKind, url: &str) -> QueuePlace {
        QueuePlace { kind, url: url.to_owned(), name: "orders".to_owned(), lease: Duration::ZERO }
    }

    #[test]
    fn the_address_in_a_url_is_replaced_and_nothing_else() {
        for (url, expected) in [
            ("redis://127.0.0.1:6379", "redis://relay:1"),
            ("amqp://guest:guest@broker:5672/%2f", "amqp://guest:guest@relay:1/%2f"),
            (
                "postgres://shop:a@b@[::1]:5432/shop?sslmode=disable",
                "postgres://shop:a@b@relay:1/shop?sslmode=disable",
            ),
            ("127.0.0.1:4222", "relay:1"),
        ] {
            assert_eq!(moved(url, "relay:1"), expected);
        }
    }

    #[test]
    fn the_demo_gets_the_address_of_the_relay_and_the_rehearsal_that_of_the_broker() {
        let vias = vias(&["redis-orders=10.0.0.7:6380"]);
        let place = behind(queue(QueueKind::Redis, "redis://:secret@127.0.0.1:6379/2"), &vias);
        assert_eq!(place.url, "redis://:secret@10.0.0.7:6380/2");
        let expected = ("REDIS_URL", "redis://:secret@{via.redis-orders}/2".to_owned());
        assert_eq!(variables(None, Some(&place), &vias), [expected]);
        // What has no relay is reached as without one.
        let database = Some("postgres://db/shop");
        assert_eq!(
            variables(database, Some(&place), &[]),
            [("DATABASE_URL", "postgres://db/shop".to_owned())]
        );
    }

    #[test]
    fn a_relay_to_postgres_makes_it_the_database() {
        let vias = vias(&["postgres=10.0.0.7:5433"]);
        let database = demo_database(Some("postgres://shop@db/shop".to_owned()), &vias);
        assert_eq!(database.as_deref(), Some("postgres://shop@10.0.0.7:5433/shop"));
        let place = queue(QueueKind::Postgres, database.as_deref().unwrap());
        let through = ("DATABASE_URL", "postgres://shop@{via.postgres}/shop".to_owned());
        assert_eq!(variables(database.as_deref(), Some(&behind(place, &vias)), &vias), [through]);
        assert!(demo_database(None, &vias).unwrap().contains("@10.0.0.7:5433/"));
        assert_eq!(demo_database(None, &[]), None);
    }

    #[test]
    fn each_variable_of_a_broker_is_one_that_only_the_demo_would_get() {
        for (_, kind) in BROKERS {
            assert!(VARIABLES.contains(&kind.variable()), "{kind:?}");
        }
    }

    #[test]
    fn a_relay_to_what_the_demo_does_not_use_is_refused() {
        let of = |queue, texts: &[&str]| check(queue, &vias(texts)).map_err(|why| why.to_string());
        assert_eq!(of(QueueKind::Redis, &["redis=a:1", "postgres=a:2"]), Ok(()));
        assert_eq!(of(QueueKind::Sqlite, &["postgres=a:2"]), Ok(()));
        for texts in [&["nats=a:1"][..], &["mysql=a:1"], &["tcp=a:1"]] {
            assert!(of(QueueKind::Redis, texts).is_err(), "{texts:?}");
        }
        let twice = of(QueueKind::Redis, &["redis=a:1", "redis-2=a:2"]).unwrap_err();
        assert!(twice.contains("redis-2"), "{twice}");
    }
}
