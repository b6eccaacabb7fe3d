use std::io;

use actix_web::rt::System;
use actix_web::web::get;
use actix_web::{App, HttpServer};

use super::routes::PONG;
use crate::service::serve::{ADDRESS, announce};

/// As in actix-web's own documentation: it takes the signals itself, and gives what is in flight 30 s.
pub(in crate::service) fn serve(workers: Option<usize>, http2: bool) -> io::Result<()> {
    System::new().block_on(async {
        let mut server = HttpServer::new(|| App::new().route("/ping", get().to(async || PONG)));
        if let Some(workers) = workers {
            server = server.workers(workers);
        }
        let server = if http2 { server.bind_auto_h2c(ADDRESS)? } else { server.bind(ADDRESS)? };
        if let [address, ..] = *server.addrs() {
            announce(address)?;
        }
        server.run().await
    })
}
