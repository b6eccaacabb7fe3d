//! `ebbtide completions`: completions for a shell.

use std::io::{self, Write};

use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;

use crate::exit::Ending;
use crate::output;

/// Print completions for a shell
///
/// Write them to the folder from which the shell loads completions, or evaluate them in its start-up file.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// Shell to complete for
    #[arg(value_name = "SHELL")]
    shell: KnownShell,
}

const EXAMPLES: &str = "\
Examples:
  ebbtide completions bash > ~/.local/share/bash-completion/completions/ebbtide
  ebbtide completions zsh > ~/.zfunc/_ebbtide
  ebbtide completions fish > ~/.config/fish/completions/ebbtide.fish";

/// The shells whose completions are tested.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum KnownShell {
    Bash,
    Zsh,
    Fish,
}

impl From<KnownShell> for Shell {
    fn from(shell: KnownShell) -> Self {
        match shell {
            KnownShell::Bash => Self::Bash,
            KnownShell::Zsh => Self::Zsh,
            KnownShell::Fish => Self::Fish,
        }
    }
}

/// Runs `ebbtide completions` for `command`.
pub(crate) fn run(args: &CompletionsArgs, command: &Command) -> Ending {
    // The scripts for bash offer hidden commands as well.
    let shown = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set());
    let mut command = Command::new("ebbtide")
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments())
        .subcommands(shown);
    let mut script = Vec::new();
    clap_complete::generate(Shell::from(args.shell), &mut command, "ebbtide", &mut script);
    match io::stdout().write_all(&script) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            output::complain(&format!("cannot write to stdout: {error}"), None);
            Ending::NotRehearsed
        }
        _ => Ending::Passed,
    }
}
