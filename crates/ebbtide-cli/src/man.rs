//! `ebbtide man`: the manual pages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;

use crate::exit::Ending;
use crate::output;

/// Write the manual pages to a folder
///
/// One page for the command and one for each subcommand. The folder is created if it does not exist.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ManArgs {
    /// Folder for the pages, such as /usr/local/share/man/man1
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  ebbtide man ~/.local/share/man/man1";

/// Runs `ebbtide man` for `command`.
pub(crate) fn run(args: &ManArgs, command: Command) -> Ending {
    match write(&args.folder, command) {
        Ok(()) => Ending::Passed,
        Err(error) => {
            output::complain(&format!("cannot write to {}: {error}", args.folder.display()), None);
            Ending::Usage
        }
    }
}

fn write(folder: &Path, command: Command) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    for shown in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).chain([&command]) {
        let man = Man::new(shown.clone());
        fs::write(folder.join(man.get_filename()), page(&man, shown)?)?;
    }
    Ok(())
}

/// Returns a page. Its last section is laid out as in `--help`: it has tables.
fn page(man: &Man, command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if command.get_after_long_help().or_else(|| command.get_after_help()).is_some() {
        let mut extra = Vec::new();
        man.render_extra_section(&mut extra)?;
        let extra = String::from_utf8_lossy(&extra).replacen(".SH EXTRA\n", ".SH NOTES\n.nf\n", 1);
        page.extend_from_slice(extra.as_bytes());
        page.extend_from_slice(b".fi\n");
    }
    man.render_version_section(&mut page)?;
    Ok(page)
}
