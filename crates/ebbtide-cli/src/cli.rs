//! The command line.

use clap::{Parser, Subcommand};

use crate::check::{CheckArgs, TimelineArgs};
use crate::completions::CompletionsArgs;
use crate::explain::ExplainArgs;
use crate::language_server::LanguageServerArgs;
use crate::man::ManArgs;
use crate::plan::PlanArgs;
use crate::rehearse::RehearseArgs;
use crate::replay::ReplayArgs;

/// Proves that a service stops without loss.
///
/// When a service is asked to stop, its clients should not notice: no request is dropped, no job is lost, no database
/// connection stays open, the last log line is written, and the process exits before the platform kills it.
/// `rehearse` starts a service in any language, loads it, stops it, and reports what was lost. `check` reads deployment
/// files and finds shutdowns that cannot work, and `plan` prints settings that do. `demo` is a small order service to try it on.
#[derive(Debug, Parser)]
#[command(name = "ebbtide", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a service, load it, stop it, and report what was lost
    Rehearse(Box<RehearseArgs>),
    /// Find shutdowns in deployment files that cannot work
    Check(CheckArgs),
    /// Print the settings of a platform that fit a service's plan
    Plan(PlanArgs),
    /// Draw the shutdown of each workload on one time axis
    Timeline(TimelineArgs),
    /// Show the findings of `check` in an editor, by the language server protocol
    LanguageServer(LanguageServerArgs),
    /// Judge a recorded rehearsal again, and print the verdict in any format
    Replay(ReplayArgs),
    /// Explain a check of `rehearse` or a rule of `check`: meaning, causes and remedies
    Explain(ExplainArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Write the manual pages to a folder
    Man(ManArgs),
    /// Cleans up after a rehearsal that is killed
    #[command(name = ebbtide_rehearse::JANITOR, hide = true)]
    Janitor,
    /// Run the demo: a small order service that stops without loss, with faults on request
    Demo(ebbtide_demo::Args),
}

const EXAMPLES: &str = "\
Examples:
  ebbtide rehearse --demo
  ebbtide rehearse --ready http://127.0.0.1:8080/readyz -- ./my-service --port 8080
  ebbtide rehearse --demo -- --fault close-listener
  ebbtide check deploy/";
