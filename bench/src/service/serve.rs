use std::fmt::Display;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use super::servers::{actix, axum, axum_server, ebbtide, hyper};
use super::{ServerArgs, Side};
use crate::limits::raise_descriptors;
use crate::measure::pin_to_core;

/// Any free port.
pub(super) const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Serves `/ping` until SIGTERM, all threads on one core if it is given, after writing the address to standard output.
pub fn serve(side: Side, args: ServerArgs) -> ExitCode {
    if args.core.is_some_and(|core| pin_to_core(core).is_err()) || raise_descriptors().is_err() {
        return ExitCode::FAILURE;
    }
    let served = match side {
        Side::Ebbtide => return ebbtide::serve(args.workers),
        Side::Axum => axum::serve(args.workers),
        Side::Hyper => hyper::serve(args.workers),
        Side::AxumServer => axum_server::serve(args.workers),
        Side::Actix => actix::serve(args.workers, args.http2),
    };
    served.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// Tells whoever started this where it listens.
pub(super) fn announce(address: impl Display) -> io::Result<()> {
    use io::Write;
    let mut out = io::stdout();
    writeln!(out, "{address}")?;
    out.flush()
}
