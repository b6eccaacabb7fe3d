//! actix-web, which handles the signals itself. The argument is its `shutdown_timeout` in seconds.

use std::env;
use std::io;
use std::time::Duration;

use actix_web::rt::{System, time::sleep};
use actix_web::web::{Bytes, Path, get, route};
use actix_web::{App, HttpServer};

fn main() -> io::Result<()> {
    let port = env::var("PORT").map_err(io::Error::other)?;
    let seconds = env::args().nth(1).and_then(|seconds| seconds.parse().ok()).unwrap_or(30);
    let app = || {
        let slow = async |ms: Path<u64>, _: Bytes| {
            sleep(Duration::from_millis(*ms)).await;
            "ok"
        };
        App::new().route("/", get().to(async || "ok")).route("/slow/{ms}", route().to(slow))
    };
    let server = HttpServer::new(app).workers(2).shutdown_timeout(seconds);
    System::new().block_on(server.bind(format!("127.0.0.1:{port}"))?.run())
}
