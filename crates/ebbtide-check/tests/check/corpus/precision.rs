use std::fs;
use std::path::{Path, PathBuf};

use ebbtide_check::Severity;

use super::compare::{Difference, compare};
use super::expectation::{self, Expectation};
use super::known::KNOWN;
use super::tally::Tally;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");

/// A file of the corpus.
pub(super) struct CorpusFile {
    /// The path from the folder of the corpus, with slashes.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) expectations: Vec<Expectation>,
}

#[test]
fn the_findings_in_the_corpus_are_those_expected() {
    let mut tally = Tally::default();
    let mut unknown = Vec::new();
    let mut stale: Vec<_> = KNOWN.iter().collect();
    let all = files();
    for file in &all {
        let differences = compare(file, &mut tally);
        for difference in differences {
            match stale.iter().position(|known| known.is_about(&file.name, &difference)) {
                Some(at) => drop(stale.remove(at)),
                None => unknown.push(format!("{}: {difference}", file.name)),
            }
        }
    }
    println!("{} files, {} known differences\n{tally}", all.len(), KNOWN.len());
    assert!(unknown.is_empty(), "differences that are not known:\n{}", unknown.join("\n"));
    assert!(stale.is_empty(), "known differences that are gone: {stale:#?}");
}

/// Files without a finding show that the check is silent: without them precision says little.
#[test]
fn at_least_half_of_the_corpus_is_good() {
    let all = files();
    let is_good =
        |file: &&CorpusFile| file.expectations.iter().all(|expected| expected.severity == Severity::Info);
    let good = all.iter().filter(is_good).count();
    assert!(good * 2 >= all.len(), "{good} of {} files are good", all.len());
}

#[test]
fn a_missing_finding_another_severity_and_another_line_are_differences() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec:\n  terminationGracePeriodSeconds: 0\n  containers: [{name: api, image: api}]\n";
    for (expectation, differences) in [
        ("K004 warning at terminationGracePeriodSeconds", &[][..]),
        ("K004 warning at kind: Pod", &["missing: K004 warning", "unexpected: K004 warning"]),
        ("K004 error at terminationGracePeriodSeconds", &["missing: K004 error", "unexpected: K004 warning"]),
        ("K001 error at terminationGracePeriodSeconds", &["missing: K001 error", "unexpected: K004 warning"]),
        ("K023 info", &["missing: K023 info", "unexpected: K004 warning"]),
    ] {
        let file = CorpusFile::new("pod.yaml".to_owned(), format!("# expect: {expectation}\n{pod}"));
        let mut tally = Tally::default();
        let found: Vec<_> = compare(&file, &mut tally).iter().map(Difference::short).collect();
        assert_eq!(found, differences, "{expectation}");
    }
}

impl CorpusFile {
    fn new(name: String, text: String) -> Self {
        let expectations = expectation::all(&name, &text);
        Self { name, text, expectations }
    }
}

fn files() -> Vec<CorpusFile> {
    let root = Path::new(CORPUS);
    let mut paths = Vec::new();
    collect(root, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no corpus in {CORPUS}");
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        CorpusFile::new(name, fs::read_to_string(&path).unwrap())
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else {
            paths.push(path);
        }
    }
}
