//! The pages of the rules show what the command prints.

use std::fs;

use ebbtide_check::{RULES, render};
use tempfile::tempdir;

use crate::{ebbtide, text};

#[test]
fn each_page_has_the_output_of_the_command_that_it_names() {
    for rule in RULES {
        let page = render::page(rule);
        let (_, rest) = page.split_once("`ebbtide check ").unwrap();
        let (arguments, rest) = rest.split_once("` prints:\n\n```text\n").unwrap();
        let (expected, _) = rest.split_once("```\n").unwrap();
        let folder = tempdir().unwrap();
        for file in rule.bad {
            let path = folder.path().join(file.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file.text).unwrap();
        }
        let words: Vec<&str> = std::iter::once("check").chain(arguments.split(' ')).collect();
        let output = ebbtide(folder.path(), &words);
        assert_eq!(text(&output.stdout), expected, "{words:?}: {}", text(&output.stderr));
    }
}
