//! The page of the book with the zoo's verdicts. `cargo xtask generate` writes it from the files in `tests/zoo`.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;

use super::entry::{Load, Rehearsal, Server, servers};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/book/src/zoo.md");
const INTRODUCTION: &str = include_str!("introduction.txt");

#[test]
fn the_book_has_the_verdicts_that_the_zoo_expects() {
    let page = page(&servers().unwrap());
    if env::var_os("EBBTIDE_GENERATE").is_some() {
        fs::write(PAGE, &page).unwrap();
    }
    let present = fs::read_to_string(PAGE).unwrap_or_default();
    assert!(present == page, "docs/book/src/zoo.md is stale: run `cargo xtask generate`");
}

#[test]
fn each_failing_check_has_a_page_in_the_book() {
    let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/book/src/checks");
    let known = fs::read_dir(pages).unwrap().map(|page| page.unwrap().path());
    let known: BTreeSet<String> =
        known.filter_map(|page| Some(page.file_stem()?.to_str()?.to_owned())).collect();
    for server in servers().unwrap() {
        let named = server.rehearsals.iter().flat_map(|rehearsal| &rehearsal.expected.fails);
        let unknown: Vec<&String> = named.filter(|id| !known.contains(*id)).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", server.name);
    }
}

fn page(servers: &[Server]) -> String {
    let mut page = INTRODUCTION.to_owned();
    for server in servers {
        let Server { name, title, source, .. } = server;
        write!(page, "\n## {title}\n\n[Documentation]({source}), `tests/zoo/{name}`.\n\n").unwrap();
        page += "| setup | load | verdict | why |\n|---|---|---|---|\n";
        for rehearsal in &server.rehearsals {
            let Rehearsal { setup, load, why, .. } = rehearsal;
            let load = load.name();
            writeln!(page, "| {setup} | {load} | {} | {why} |", verdict(rehearsal)).unwrap();
        }
    }
    page
}

/// The verdict, the checks that fail, and the phases that are not served.
fn verdict(rehearsal: &Rehearsal) -> String {
    let expected = &rehearsal.expected;
    let mut cell = expected.verdict.name().to_owned();
    let fails: Vec<String> = expected.fails.iter().map(|id| format!("[{id}](checks/{id}.md)")).collect();
    if !fails.is_empty() {
        write!(cell, ": {}", fails.join(", ")).unwrap();
    }
    if !expected.phases.is_empty() {
        write!(cell, " ({})", expected.phases.join("; ")).unwrap();
    }
    cell
}

#[test]
fn the_introduction_explains_each_load() {
    for load in [Load::Phases, Load::Grpc, Load::Quick, Load::Storm] {
        assert!(INTRODUCTION.contains(&format!("- **{}**", load.name())), "{}", load.name());
    }
}
