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

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory as _;

    use super::*;
    use crate::usage::explained;

    fn said(words: &[&str]) -> String {
        let words: Vec<OsString> = ["ebbtide"].iter().chain(words).map(Into::into).collect();
        let error = Cli::command().try_get_matches_from(&words).unwrap_err();
        anstream::adapter::strip_str(&explained(&error, &words)).to_string()
    }

    #[test]
    fn a_command_without_dashes_before_it_gets_a_tip() {
        let text = said(&["rehearse", "--grace", "5s", "./service", "--port", "8080"]);
        assert!(
            text.contains(
                "tip: the command of the service is written after `--`: -- ./service --port 8080\n"
            ),
            "{text}"
        );
        // The dashes may be behind it.
        let text = said(&["rehearse", "./service", "--", "--port"]);
        assert!(text.contains("after `--`: -- ./service --port\n"), "{text}");
        // The opposite: an option that does not exist, and another command.
        for words in [&["rehearse", "--gracce", "5s"][..], &["plan", "a", "b", "--for", "ecs"]] {
            let text = said(words);
            assert!(text.starts_with("error: unexpected argument") && !text.contains("after `--`"), "{text}");
        }
    }

    #[test]
    fn an_invalid_value_is_called_so_once() {
        for (words, expected) in [
            (
                &["rehearse", "--grace", "soon", "--demo"][..],
                "invalid duration `soon` for '--grace <TIME>': expected seconds",
            ),
            (
                &["rehearse", "--signal", "STOP", "--demo"],
                "invalid stop signal `STOP` for '--signal <SIGNAL>': no process can handle it",
            ),
            (
                &["rehearse", "--storm", "-3", "--demo"],
                "invalid number `-3` for '--storm <CLIENTS>': expected a whole number",
            ),
            (
                &["rehearse", "--format", "xml", "--demo"],
                "invalid format `xml` for '--format <FORMAT[=FILE]>': expected text",
            ),
            (
                &["rehearse", "--header", "X Y: a", "--demo"],
                "invalid header name `X Y` for '--header <NAME: VALUE>'",
            ),
            (&["demo", "--grace", "soon"], "invalid duration `soon` for '--grace <TIME>': expected seconds"),
            // clap's own words, for a value of a list.
            (&["demo", "--fault", "foo"], "invalid value 'foo' for '--fault <NAME>'"),
        ] {
            let text = said(words);
            assert!(text.starts_with(&format!("error: {expected}")), "{text}");
            assert_eq!(text.matches("invalid").count(), 1, "{text}");
        }
    }
}
