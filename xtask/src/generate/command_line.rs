use std::process::Command;

use crate::failure::Failure;
use crate::shell;

const HEAD: &str = "\
<!-- Written by `cargo xtask generate` from the command's own help. Do not edit. -->

# The command line
";

/// Fewer columns than a page has room for, whatever the terminal is.
const COLUMNS: &str = "100";

/// Writes the page of the command's help texts, the command first and then each of its subcommands.
///
/// # Errors
///
/// When the command cannot be built or run.
pub(super) fn page() -> Result<String, Failure> {
    // As the tests build it, so that it is built once.
    shell::run(&mut shell::cargo(&["build", "--quiet", "--workspace", "--all-features", "--bins"]))?;
    let mut page = HEAD.to_owned();
    let overview = help(&[])?;
    page.push_str(&section("ebbtide", &overview));
    for name in subcommands(&overview) {
        page.push_str(&section(&format!("ebbtide {name}"), &help(&[name])?));
    }
    Ok(page)
}

fn help(words: &[&str]) -> Result<String, Failure> {
    let program = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let mut command = Command::new(std::path::Path::new(&program).join("debug/ebbtide"));
    shell::output(command.args(words).arg("--help").env("COLUMNS", COLUMNS).env("NO_COLOR", "1"))
}

fn section(title: &str, help: &str) -> String {
    let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    format!("\n## `{title}`\n\n```text\n{}\n```\n", help.join("\n"))
}

/// The names under `Commands:`, which clap indents by two.
fn subcommands(help: &str) -> Vec<&str> {
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names =
        listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subcommands_are_those_that_the_help_lists() {
        let help = "Usage\n\nCommands:\n  rehearse  Stops it\n            and looks\n  demo      Serves\n  help      This\n\nOptions:\n  -h\n";
        assert_eq!(subcommands(help), ["rehearse", "demo"]);
    }
}
