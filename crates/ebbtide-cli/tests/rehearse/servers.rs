//! What a rehearsal leaves on the demo's servers: on a broker, and in PostgreSQL.

#[cfg(feature = "redis")]
mod brokers {
    //! What a rehearsal leaves on a broker. Needs Redis: the one that `EBBTIDE_TEST_REDIS` names, or the local one.

    use std::env;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpStream;
    use std::thread::sleep;
    use std::time::Duration;

    use rustix::process::{Pid, Signal, kill_process};

    use crate::common::ebbtide;

    /// Sends a command to Redis, and returns the first line of its reply.
    fn redis(url: &str, command: &str) -> String {
        let address = url.trim_start_matches("redis://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).unwrap();
        writeln!(stream, "{command}").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    #[test]
    fn ctrl_c_leaves_nothing_of_the_demo_on_its_broker() {
        let url = env::var("EBBTIDE_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379/".to_owned());
        let mut command = ebbtide()
            .args(["rehearse", "--demo", "--quiet", "--warmup=60s", "--", "--queue", "redis"])
            .env("REDIS_URL", &url)
            .spawn()
            .unwrap();
        let keys = || redis(&url, &format!("KEYS ebbtide-rehearsal-{}-*", command.id()));
        while keys() == "*0" {
            sleep(Duration::from_millis(10));
        }
        kill_process(Pid::from_child(&command), Signal::INT).unwrap();
        assert_eq!(command.wait().unwrap().code(), Some(130));
        assert_eq!(redis(&url, &format!("KEYS ebbtide-rehearsal-{}-*", command.id())), "*0");
    }
}

#[cfg(feature = "postgres")]
mod databases {
    //! The service's PostgreSQL sessions. Needs a server: the one that `EBBTIDE_TEST_POSTGRES` names (`cargo xtask test`
    //! does), or the local one.

    use std::env;

    use serde_json::Value;
    use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

    use crate::common::{check, ebbtide, verdict};

    /// Rehearses the demo with a database of its own, which is dropped afterwards.
    fn rehearse(demo: &[&str]) -> (Value, String) {
        let server = env::var("EBBTIDE_TEST_POSTGRES");
        let server = server.unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned());
        let database = format!("ebbtide_rehearse_{}", fastrand::u64(..));
        execute(&server, format!("CREATE DATABASE {database}"));
        let url = url_of(&server, &database);
        let output = ebbtide()
            .args(["rehearse", "--demo", "--format=json", "--grace=6s", "--slow-time=300ms-600ms"])
            .args([
                "--storm=8",
                "--keepalive=20",
                "--open=20",
                "--warmup=2s",
                "--seed=7",
                "--database-url",
                &url,
                "--",
            ])
            .args(demo)
            .output()
            .unwrap();
        execute(&server, format!("DROP DATABASE {database} WITH (FORCE)"));
        (verdict(&output), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn execute(server: &str, statement: String) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut client = PgConnection::connect(server).await.unwrap();
            client.execute(AssertSqlSafe(statement)).await.unwrap();
            client.close().await.unwrap();
        });
    }

    /// Returns the URL of database `name` on `server`.
    fn url_of(server: &str, name: &str) -> String {
        let (server, options) =
            server.split_once('?').map_or((server, ""), |(server, options)| (server, options));
        let (start, host) = server.split_once("://").unwrap();
        let host = host.split('/').next().unwrap();
        let options = if options.is_empty() { String::new() } else { format!("?{options}") };
        format!("{start}://{host}/{name}{options}")
    }

    #[test]
    fn a_closed_pool_leaves_no_session_and_every_order_is_found() {
        let (verdict, log) = rehearse(&[]);
        assert_eq!(verdict["verdict"], "pass", "{verdict:#}\n{log}");
        for id in ["no-leaked-connections", "database-clean", "orders-processed"] {
            assert_eq!(check(&verdict, id).0, "pass", "{id}: {verdict:#}");
        }
    }

    #[test]
    fn a_process_that_exits_at_once_abandons_its_sessions() {
        let (verdict, _) = rehearse(&["--fault=exit-early"]);
        let (found, evidence) = check(&verdict, "database-clean");
        assert_eq!(found, "fail", "{verdict:#}");
        assert!(evidence.contains("sessions_abandoned"), "{evidence}");
    }
}
