use std::fs;
use std::path::{Path, PathBuf};

const CRATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates");

/// The tests, which name the example that they start.
const TESTS: [&str; 5] = [
    include_str!("consumers.rs"),
    include_str!("servers.rs"),
    include_str!("streams.rs"),
    include_str!("telemetry.rs"),
    include_str!("work.rs"),
];

/// Returns each example: its name, and the folder of its crate.
fn examples() -> Vec<(String, PathBuf)> {
    let crates = fs::read_dir(CRATES).expect("the crates").map(|entry| entry.expect("a folder").path());
    let of_crate = |folder: PathBuf| {
        let files = fs::read_dir(folder.join("examples")).into_iter().flatten();
        let name = |path: PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
        files
            .map(|entry| name(entry.expect("a file").path()))
            .map(move |name| (name, folder.clone()))
            .collect::<Vec<_>>()
    };
    crates.flat_map(of_crate).collect()
}

/// Returns whether a test of this folder starts the example, or its crate has it as a test of its own.
fn is_run(name: &str, folder: &Path) -> bool {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("the manifest");
    let is_test = manifest.contains(&format!("name = \"{name}\"\ntest = true\n"));
    is_test || TESTS.iter().any(|tests| tests.contains(&format!("(\"{name}\"")))
}

#[test]
fn every_example_is_run_by_a_test() {
    let examples = examples();
    assert!(examples.len() > 20, "{examples:?}");
    let not_run: Vec<_> = examples.iter().filter(|(name, folder)| !is_run(name, folder)).collect();
    assert!(not_run.is_empty(), "no test runs {not_run:?}");
    // The opposite: one that nobody has heard of.
    assert!(!is_run("unheard_of", &examples[0].1));
}

#[test]
fn each_example_says_how_to_run_it() {
    for (name, folder) in examples() {
        let files =
            [folder.join(format!("examples/{name}.rs")), folder.join(format!("examples/{name}/main.rs"))];
        let text = files.iter().find_map(|file| fs::read_to_string(file).ok()).expect("its text");
        let package = folder.file_name().expect("a name").to_string_lossy();
        let features =
            features(&name, &folder).map_or_else(String::new, |list| format!(" --features {list}"));
        let command = format!("-p {package}{features} --example {name}");
        assert!(text.contains(&command), "{name} does not say {command:?}");
    }
}

/// Returns the features that an example needs, as the command line takes them.
fn features(name: &str, folder: &Path) -> Option<String> {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("the manifest");
    let (_, entry) = manifest.split_once(&format!("[[example]]\nname = \"{name}\"\n"))?;
    let (_, list) = entry.split("\n\n").next()?.split_once("required-features = [")?;
    Some(list.trim_end_matches([']', '\n']).replace(['"', ' '], ""))
}

/// cargo puts the examples of all packages into one folder, where the last of a name replaces the others.
#[test]
fn no_two_examples_have_one_name() {
    let mut names: Vec<_> = examples().into_iter().map(|(name, _)| name).collect();
    names.sort();
    let found = names.len();
    names.dedup();
    assert_eq!(names.len(), found, "{names:?}");
}
