//! The program in the README compiles as it is printed, with the dependencies that are printed above it.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const README: &str = include_str!("../../../README.md");

/// Returns the README's code in a language, block by block.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    README.split(&fence).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

/// Checks a program with the README's dependencies, in a package of its own.
///
/// Its versions are those of this workspace's lock file, so that it needs no network, and its target folder is this workspace's:
/// what has the same features there is not compiled again.
fn check(program: &str) -> Output {
    let (folder, root) = (tempfile::tempdir().expect("a folder"), Path::new(ROOT));
    let dependencies = blocks("toml")[0].replace("\"ebbtide/crates/", &format!("\"{ROOT}/crates/"));
    let manifest = format!(
        "[package]\nname = \"readme\"\nedition = \"2024\"\n\n[lints.rust]\nwarnings = \"deny\"\n\n[workspace]\n\n{dependencies}\n"
    );
    fs::write(folder.path().join("Cargo.toml"), manifest).expect("written");
    fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock")).expect("the lock file");
    fs::create_dir(folder.path().join("src")).expect("a folder");
    fs::write(folder.path().join("src/main.rs"), program).expect("written");
    let test = std::env::current_exe().expect("its path");
    let target = test.ancestors().nth(3).expect("a target folder");
    let mut check = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    check.args(["check", "--offline", "--quiet", "--target-dir"]).arg(target);
    check.current_dir(folder.path()).output().expect("cargo starts")
}

#[test]
fn the_program_in_the_readme_compiles_as_printed() {
    let programs = blocks("rust");
    assert_eq!(programs.len(), 1, "each needs its dependencies: give it a package of its own here");
    let checked = check(programs[0]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    // The opposite: a program that does not compile is told apart.
    let broken = check(&programs[0].replace("send_email)", "send_mail)"));
    let said = String::from_utf8_lossy(&broken.stderr);
    assert!(!broken.status.success() && said.contains("send_mail"), "{said}");
}
