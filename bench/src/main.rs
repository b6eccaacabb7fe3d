//! Compares Ebbtide with its peers. Each comparison is a subcommand and measures all sides in one run.
//!
//! Exit codes: 0 on success (with `--check`: every limit is met), 1 when a limit is missed, 2 for wrong usage, 3 when the
//! measurement failed or its figures could not be written.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ebbtide_bench::service::{ServerArgs, Side, serve};
use ebbtide_bench::{
    check, idle_exit, idle_memory, load_generator, ping, primitives, queue, shutdown, soak, throughput,
};

/// Compares Ebbtide with its peers.
#[derive(Debug, Parser)]
#[command(name = "bench")]
enum Comparison {
    Primitives(primitives::Options),
    Ping(ping::Options),
    IdleExit(idle_exit::Options),
    IdleMemory(idle_memory::Options),
    Queue(queue::Options),
    Throughput(throughput::Options),
    Shutdown(shutdown::Options),
    Soak(soak::Options),
    Check(check::Options),
    LoadGenerator(load_generator::Options),
    /// Loads a server as a rehearsal does.
    #[command(hide = true)]
    Load {
        url: String,
        load: load_generator::Load,
        seconds: u64,
        pid: i32,
    },
    /// Checks a folder and prints the memory that it took.
    #[command(hide = true)]
    CheckFolder {
        folder: PathBuf,
    },
    /// Runs one of the compared servers.
    #[command(hide = true)]
    Serve {
        side: Side,
        #[command(flatten)]
        args: ServerArgs,
    },
}

fn main() -> ExitCode {
    match Comparison::parse() {
        Comparison::Primitives(options) => primitives::run(&options),
        Comparison::Ping(options) => ping::run(&options),
        Comparison::IdleExit(options) => idle_exit::run(&options),
        Comparison::IdleMemory(options) => idle_memory::run(&options),
        Comparison::Queue(options) => queue::run(&options),
        Comparison::Throughput(options) => throughput::run(&options),
        Comparison::Shutdown(options) => shutdown::run(&options),
        Comparison::Soak(options) => soak::run(&options),
        Comparison::Check(options) => check::run(&options),
        Comparison::LoadGenerator(options) => load_generator::run(&options),
        Comparison::Load { url, load, seconds, pid } => {
            match load_generator::load(&url, load, seconds, pid) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    // A closed standard error is ignored.
                    let _told = writeln!(io::stderr(), "error: {error}");
                    ExitCode::from(3)
                }
            }
        }
        Comparison::CheckFolder { folder } => match check::check_folder(&folder) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(3),
        },
        Comparison::Serve { side, args } => serve(side, args),
    }
}
