//! The demo service by itself, as `ebbtide demo` runs it.
//!
//! `cargo run -p ebbtide-demo --example demo -- --help`

use std::process::ExitCode;

use clap::Parser;

/// A small order service that stops without loss, and misbehaves on request.
#[derive(Parser)]
#[command(name = "demo")]
struct Cli {
    #[command(flatten)]
    args: ebbtide_demo::Args,
}

fn main() -> ExitCode {
    ebbtide_demo::run(Cli::parse().args)
}
