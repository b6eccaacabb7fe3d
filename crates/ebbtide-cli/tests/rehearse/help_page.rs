//! `docs/cli.md` is the output of `--help`. `cargo xtask generate` writes it.

use std::path::Path;
use std::{env, fs};

use crate::common::ebbtide;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");

const HEAD: &str = "\
<!-- Written by `cargo xtask generate` from the command's own help. Do not edit. -->

# The command line
";

const CHECKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/book/src/checks");

const CHECK_HEAD: &str =
    "<!-- Written by `cargo xtask generate` from `ebbtide explain`. Do not edit. -->\n\n";

/// A fixed width, independent of the terminal that the test runs on.
const COLUMNS: &str = "100";

#[test]
fn the_cli_page_equals_the_help_output() {
    let expected = page();
    if env::var_os("EBBTIDE_GENERATE").is_some() {
        fs::write(PAGE, &expected).unwrap();
    }
    let present = fs::read_to_string(Path::new(PAGE)).unwrap();
    for (number, (present, expected)) in present.lines().zip(expected.lines()).enumerate() {
        assert_eq!(present, expected, "docs/cli.md:{}: run `cargo xtask generate`", number + 1);
    }
    assert_eq!(present.len(), expected.len(), "docs/cli.md is stale: run `cargo xtask generate`");
}

/// A page of the book for each check: the text of `ebbtide explain`.
#[test]
fn the_pages_of_the_checks_equal_the_output_of_explain() {
    let folder = Path::new(CHECKS);
    let checks = checks();
    for check in &checks {
        let output = ebbtide().args(["explain", check]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let expected = format!("{CHECK_HEAD}{}", String::from_utf8(output.stdout).unwrap());
        let page = folder.join(check).with_extension("md");
        if env::var_os("EBBTIDE_GENERATE").is_some() {
            fs::create_dir_all(folder).unwrap();
            fs::write(&page, &expected).unwrap();
        }
        let present = fs::read_to_string(&page).unwrap_or_default();
        assert_eq!(present, expected, "{}: run `cargo xtask generate`", page.display());
    }
    let pages = fs::read_dir(folder).unwrap().count();
    assert_eq!(pages, checks.len(), "{CHECKS} has a page without a check");
}

/// Returns the names of the checks, which `explain` lists before the rules.
fn checks() -> Vec<String> {
    let list = ebbtide().arg("explain").output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let checks = list.split_once("\n\n").unwrap().0.lines().skip(1);
    checks.map(|name| name.trim().to_owned()).collect()
}

#[test]
fn the_subcommands_are_those_that_the_help_lists() {
    let help = "Usage\n\nCommands:\n  rehearse  Stops it\n            and looks\n  demo      Serves\n  help      This\n\nOptions:\n  -h\n";
    assert_eq!(subcommands(help), ["rehearse", "demo"]);
}

/// Returns the command's help, then that of each subcommand.
fn page() -> String {
    let overview = help(&[]);
    let commands = subcommands(&overview).into_iter();
    let sections = commands.map(|name| section(&format!("ebbtide {name}"), &help(&[name])));
    [HEAD.to_owned(), section("ebbtide", &overview)].into_iter().chain(sections).collect()
}

fn help(words: &[&str]) -> String {
    let output =
        ebbtide().args(words).arg("--help").env("COLUMNS", COLUMNS).env("NO_COLOR", "1").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn section(title: &str, help: &str) -> String {
    let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    format!("\n## `{title}`\n\n```text\n{}\n```\n", help.join("\n"))
}

/// Returns the names under `Commands:`, which clap indents by two.
fn subcommands(help: &str) -> Vec<&str> {
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names =
        listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").collect()
}
