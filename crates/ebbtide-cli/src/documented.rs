//! The documents call the command with options that it has.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::demo::BadDemo;
use crate::rehearse::{BadCalls, BadPlan, scenario};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A block of code of a Markdown file: its language, the line that it begins in, and its lines.
struct Block<'t> {
    language: &'t str,
    first_line: usize,
    lines: Vec<&'t str>,
}

#[test]
fn each_documented_call_of_the_command_is_accepted() {
    let mut documents = Vec::new();
    collect(Path::new(ROOT), &mut documents);
    documents.extend(["ci/gitlab.yml", "ci/Dockerfile"].map(|file| Path::new(ROOT).join(file)));
    let (mut calls, mut refused) = (0, Vec::new());
    for document in &documents {
        let mut text = fs::read_to_string(document).unwrap();
        if document.extension().is_none_or(|ending| ending != "md") {
            text = format!("```yaml\n{}\n```\n", with_variables(&text));
        }
        let name = document.strip_prefix(ROOT).unwrap().display();
        for (line, words) in calls_in(&text) {
            calls += 1;
            refused.extend(check(&words).err().map(|why| format!("{name}:{line}: {why}")));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    // README and docs/cli.md alone have more.
    assert!(calls >= 6, "found {calls} calls of the command in {} documents", documents.len());
}

#[test]
fn calls_are_found_in_shell_and_yaml_and_in_no_other_text() {
    let text = "Run `ebbtide rehearse --gone`:\n\n```sh\n# ebbtide rehearse --gone\nPORT=1 ebbtide rehearse --ready 80 \\\n  \
        --url slow='/a b' -- ./x | tee log   # said\ncargo run --release --features redis -- rehearse --demo\ncargo run -- demo\n```\n\n\
        ```yaml\nscript:\n  - target/release/ebbtide rehearse --demo && true\n```\n```rust\nebbtide rehearse --gone\n```\n\
        ```text\nUsage: ebbtide rehearse [OPTIONS]\n    ebbtide rehearse --demo\n```\n";
    let found: Vec<(usize, String)> = calls_in(text).map(|(line, words)| (line, words.join(" "))).collect();
    let expected = [
        (5, "rehearse --ready 80 --url slow=/a b -- ./x"),
        (7, "rehearse --demo"),
        (8, "demo"),
        (13, "rehearse --demo"),
        (20, "rehearse --demo"),
    ];
    assert_eq!(found, expected.map(|(line, words)| (line, words.to_owned())));
}

#[test]
fn a_call_with_an_option_that_does_not_exist_is_refused() {
    for bad in [
        "ebbtide rehearse --demo --gone",
        "ebbtide rehearse --ready http://127.0.0.1:80/ --grace soon -- x",
        "ebbtide rehearse --ready 80 --slow 2 -- x",
        "ebbtide rehearse --demo --init",
        "ebbtide rehearse --demo -- --fault gone",
        "ebbtide demo --gone",
    ] {
        let text = format!("```sh\n{bad}\n```\n");
        let words: Vec<_> = calls_in(&text).map(|(_, words)| words).collect();
        assert_eq!(words.len(), 1, "{bad}");
        assert!(check(&words[0]).is_err(), "{bad}");
    }
}

/// Replaces `${NAME}` by the value that the file itself gives in `NAME: value`.
fn with_variables(text: &str) -> String {
    let pairs = text.lines().filter_map(|line| line.trim_start_matches(['#', ' ']).split_once(": "));
    pairs.fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("${{{name}}}"), value.trim_matches('"'))
    })
}

/// Parses the words after the program's name as the command does, and plans the rehearsal without starting it.
fn check(words: &[String]) -> Result<(), String> {
    let words = ["ebbtide".to_owned()].into_iter().chain(words.iter().cloned()).map(OsString::from);
    match Cli::try_parse_from(words).map_err(|error| error.to_string())?.command {
        Command::Rehearse(args) => match scenario(&args) {
            // This build does not have it, another one does; or the reader has the file.
            Ok(_)
            | Err(
                BadPlan::Feature(_)
                | BadPlan::Demo(BadDemo::Feature(_))
                | BadPlan::CaCert(..)
                | BadPlan::Calls(BadCalls::Unreadable(..))
                | BadPlan::NoCommand,
            ) => Ok(()),
            Err(bad) => Err(bad.to_string()),
        },
        Command::Check(_)
        | Command::Plan(_)
        | Command::Timeline(_)
        | Command::LanguageServer(_)
        | Command::Replay(_)
        | Command::Explain(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Janitor
        | Command::Demo(_) => Ok(()),
    }
}

/// Collects the Markdown files of the repository.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
}

/// Returns the calls of the command in a document: the line, and the words from the subcommand on.
fn calls_in(text: &str) -> impl Iterator<Item = (usize, Vec<String>)> {
    blocks(text).into_iter().flat_map(|block| {
        let is_page = block.language == "text";
        let lines = joined(&block);
        lines.into_iter().filter_map(move |(number, line)| {
            // The help in docs/cli.md has examples among its text.
            let may_call = !is_page || line.trim_start().starts_with("ebbtide ");
            Some((number, may_call.then(|| call(&line)).flatten()?))
        })
    })
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (line, number) in text.lines().zip(1_usize..) {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => blocks.push(block),
            (Some(language), None) => {
                open = Some(Block { language: language.trim(), first_line: number + 1, lines: Vec::new() });
            }
            (None, Some(mut block)) => {
                block.lines.push(line);
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    blocks.retain(|block| matches!(block.language, "sh" | "bash" | "console" | "yaml" | "text"));
    blocks
}

/// Returns the lines of a block with their numbers, those that end with a backslash joined with the next.
fn joined(block: &Block<'_>) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    let mut continues = false;
    for (line, number) in block.lines.iter().zip(block.first_line..) {
        let (text, goes_on) = line.strip_suffix('\\').map_or((*line, false), |text| (text, true));
        match all.last_mut() {
            Some((_, last)) if continues => last.push_str(text),
            _ => all.push((number, text.to_owned())),
        }
        continues = goes_on;
    }
    all
}

/// Returns the words after `ebbtide` or `cargo run … --` if a subcommand is the first of them.
fn call(line: &str) -> Option<Vec<String>> {
    let words = words(line);
    let is_program = |word: &str| word == "ebbtide" || word.ends_with("/ebbtide");
    let is_cargo = words.windows(2).any(|pair| pair == ["cargo", "run"]);
    let starts = |pair: &[String]| {
        let [before, subcommand] = pair else { return false };
        (is_program(before) || (is_cargo && before == "--"))
            && matches!(
                subcommand.as_str(),
                "rehearse"
                    | "check"
                    | "plan"
                    | "timeline"
                    | "language-server"
                    | "replay"
                    | "explain"
                    | "completions"
                    | "man"
                    | "demo"
            )
    };
    let at = words.windows(2).position(starts)?;
    Some(words.into_iter().skip(at + 1).collect())
}

/// Splits a line into words as a shell does, up to a comment or to the end of the command.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word): (Vec<String>, Option<String>) = (Vec::new(), None);
    let mut quote = None;
    for letter in line.chars() {
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            (_, Some(_)) => word.get_or_insert_default().push(letter),
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            ('#', None) if word.is_none() => break,
            ('|' | ';' | '&' | '>', None) => break,
            _ if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}
