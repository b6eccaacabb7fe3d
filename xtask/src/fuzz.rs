//! `cargo xtask fuzz`: fuzzes every parser of network bytes and of deployment files in this repository, for a limited time.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::shell::{self, Output, say};

const FOLDER: &str = "fuzz";

/// The target of the deployment files. It fuzzes one format at a time, each with seeds of its own.
const CHECK: &str = "check";
const CRATE: &str = "crates/ebbtide-check";

/// The largest input. The files of the corpus have less than 3 KiB, and what is longer is only slower.
const MAX_BYTES: u32 = 4096;

/// The files of the rules and of the corpus that each format begins with: the begins of their paths, and their ending.
const EXAMPLES: [(&str, &[&str], &str); 21] = [
    ("bake", &[], ".hcl"),
    ("cloud-run", &["corpus/paas/cloud-run", "fixtures/P002"], ".yaml"),
    ("cloudformation", &["corpus/ecs", "fixtures/E"], ".yaml"),
    ("compose", &["corpus/compose", "fixtures/C"], ".yaml"),
    ("container-apps", &["corpus/paas/azure"], ".yaml"),
    ("dockerfile", &["corpus/dockerfile", "fixtures/D"], "ockerfile"),
    ("ecs", &["corpus/ecs", "fixtures/E"], ".json"),
    ("fly", &["corpus/paas/fly", "fixtures/P"], ".toml"),
    ("kamal", &["corpus/kamal", "fixtures/M"], ".yml"),
    ("kube", &["fixtures/Q"], ".yaml"),
    ("kubernetes", &["corpus/kubernetes", "fixtures/K"], ".yaml"),
    ("nomad", &["corpus/nomad", "fixtures/N"], ".hcl"),
    ("nomad-json", &["corpus/nomad"], ".json"),
    ("plan", &["corpus/terraform"], ".json"),
    ("procfile", &["corpus/paas/heroku", "fixtures/P003"], "rocfile"),
    ("quadlet", &["corpus/quadlet", "fixtures/Q"], ".container"),
    ("render", &["corpus/paas/render", "fixtures/P003"], ".yaml"),
    ("script", &["fixtures/D003"], ".sh"),
    ("skaffold", &["fixtures/X001/skaffold"], ".yaml"),
    ("systemd", &["corpus/systemd", "fixtures/S"], ".service"),
    ("terraform", &["corpus/terraform"], ".tf"),
];

/// Runs each target for `seconds`, starting from its seeds and from the corpus of earlier runs on this machine. `check` runs for each of
/// its formats. With names, such as `records`, `check` or `check/compose`, only those run. At the end it prints a line for each run.
///
/// # Errors
///
/// When there is no nightly toolchain, when cargo-fuzz cannot be installed, when there is no run of a name, and when a target finds a failing
/// input. That input is kept in `fuzz/artifacts`.
pub(crate) fn run(seconds: u32, names: &[String]) -> Result<(), Failure> {
    let runs = selected(runs()?, names)?;
    if shell::output(&mut shell::cargo(&["fuzz", "--version"])).is_err() {
        shell::run(&mut shell::cargo(&["install", "cargo-fuzz"]))?;
    }
    let mut figures = Vec::new();
    let outcomes: Vec<Result<(), Failure>> =
        runs.iter().map(|run| run.execute(seconds, &mut figures)).collect();
    say("\ntarget                     seconds  executions  per second  findings");
    figures.iter().for_each(|figures| say(&figures.to_string()));
    Failure::all(outcomes)
}

/// A target, and the format that it fuzzes, if it has several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    target: String,
    format: Option<String>,
}

impl Run {
    fn name(&self) -> String {
        match &self.format {
            Some(format) => format!("{}/{format}", self.target),
            None => self.target.clone(),
        }
    }

    fn execute(&self, seconds: u32, all: &mut Vec<Figures>) -> Result<(), Failure> {
        let name = self.name();
        let mut fuzz = Command::new("cargo");
        fuzz.args(["+nightly", "fuzz", "run", "--fuzz-dir", FOLDER, &self.target]);
        let corpus = folder("corpus", &name)?;
        fuzz.arg(&corpus).arg(seeds(&name)?);
        if let Some(format) = &self.format {
            let examples = folder("corpus/examples", format)?;
            for (number, file) in examples_of(format)?.iter().enumerate() {
                let copy = format!("{examples}/{number}");
                fs::copy(file, &copy).map_err(Failure::io(format!("write {copy}")))?;
            }
            fuzz.arg(examples).env("EBBTIDE_FUZZ_FORMAT", format);
        }
        fuzz.args(["--", &format!("-max_total_time={seconds}"), "-timeout=25", "-print_final_stats=1"]);
        fuzz.arg(format!("-max_len={MAX_BYTES}"));
        fuzz.arg(format!("-artifact_prefix={}/", folder("artifacts", &name)?));
        let mut figures = Figures { name, took: Duration::ZERO, executions: None, findings: 0 };
        let outcome = shell::run_watching(&mut fuzz, Output::Stderr, |line| figures.read(line));
        all.push(figures);
        outcome
    }
}

/// What one run did.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    name: String,
    took: Duration,
    executions: Option<u64>,
    findings: usize,
}

impl Figures {
    /// Reads a line of libFuzzer. It ends at its first finding and names the file that it writes.
    fn read(&mut self, line: &str) {
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            self.executions = count.trim().parse().ok();
        } else if let Some((count, rest)) =
            line.strip_prefix("Done ").and_then(|rest| rest.split_once(" runs in "))
        {
            self.executions = count.parse().ok();
            self.took = rest
                .split_once(' ')
                .and_then(|(time, _)| time.parse().ok())
                .map_or(self.took, Duration::from_secs);
        } else if line.contains("Test unit written to ") {
            self.findings = self.findings.saturating_add(1);
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, took, executions, findings } = self;
        let seconds = took.as_secs();
        let executions = executions.unwrap_or_default();
        let rate = executions.checked_div(seconds).unwrap_or_default();
        write!(f, "{name:<26} {seconds:>7}  {executions:>10}  {rate:>10}  {findings:>8}")
    }
}

/// Creates a folder of the fuzzer's files and returns its path.
fn folder(kind: &str, name: &str) -> Result<String, Failure> {
    let path = format!("{FOLDER}/{kind}/{name}");
    fs::create_dir_all(&path).map_err(Failure::io(format!("create {path}")))?;
    Ok(path)
}

/// Returns the folder of the seeds of a run, in the crate that it fuzzes: the crate's tests use them too, also from its archive.
fn seeds(name: &str) -> Result<PathBuf, Failure> {
    let crates = fs::read_dir("crates").map_err(Failure::io("read crates"))?;
    let folders = crates.flatten().map(|one| one.path().join("seeds").join(name));
    let missing = || Failure::Unreadable {
        what: format!("the target {name}"),
        why: "no crate has seeds for it".to_owned(),
    };
    folders.into_iter().find(|folder| folder.is_dir()).ok_or_else(missing)
}

/// Returns the files that a format begins with beside its seeds.
fn examples_of(format: &str) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for (_, begins, ending) in EXAMPLES.iter().filter(|(name, ..)| *name == format) {
        for begin in *begins {
            collect(&Path::new(CRATE).join(begin), ending, &mut files)?;
        }
    }
    files.sort();
    Ok(files)
}

/// Adds the files whose paths begin and end so.
fn collect(begin: &Path, ending: &str, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let parent = begin.parent().unwrap_or(begin);
    let prefix = begin.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let entries = fs::read_dir(parent).map_err(Failure::io(format!("read {}", parent.display())))?;
    for path in entries.flatten().filter(|entry| starts(entry, &prefix)).map(|entry| entry.path()) {
        if path.is_dir() {
            // Everything in it.
            let inner = fs::read_dir(&path).map_err(Failure::io(format!("read {}", path.display())))?;
            for entry in inner.flatten() {
                collect(&entry.path(), ending, files)?;
            }
        } else if path.to_string_lossy().ends_with(ending) && !files.contains(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn starts(entry: &fs::DirEntry, prefix: &str) -> bool {
    entry.file_name().to_string_lossy().starts_with(prefix)
}

/// Returns every run: the targets, and the formats of the one that has some. A format is a folder of seeds.
fn runs() -> Result<Vec<Run>, Failure> {
    let folder = format!("{FOLDER}/targets");
    let files = fs::read_dir(&folder).map_err(Failure::io(format!("read {folder}")))?;
    let names = files.flatten().filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()));
    let mut runs = Vec::new();
    for target in names {
        if target == CHECK {
            let formats = EXAMPLES.iter().map(|(format, ..)| Some((*format).to_owned()));
            runs.extend(formats.map(|format| Run { target: target.clone(), format }));
        } else {
            runs.push(Run { target, format: None });
        }
    }
    runs.sort();
    Ok(runs)
}

fn selected(runs: Vec<Run>, names: &[String]) -> Result<Vec<Run>, Failure> {
    let is_meant = |run: &Run, name: &String| run.target == *name || run.name() == *name;
    if let Some(name) = names.iter().find(|name| !runs.iter().any(|run| is_meant(run, name))) {
        return Err(Failure::Usage(format!("unknown fuzz target: {name}")));
    }
    let is_selected = |run: &Run| names.is_empty() || names.iter().any(|name| is_meant(run, name));
    Ok(runs.into_iter().filter(is_selected).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_has_seeds() {
        shell::enter_workspace_root().unwrap();
        let runs = runs().unwrap();
        assert!(runs.len() > EXAMPLES.len());
        for run in runs {
            assert!(fs::read_dir(seeds(&run.name()).unwrap()).unwrap().next().is_some(), "{run:?}");
        }
        assert!(seeds("no-such-target").is_err());
    }

    #[test]
    fn each_format_begins_with_files_of_the_rules_or_of_the_corpus() {
        shell::enter_workspace_root().unwrap();
        for (format, begins, _) in EXAMPLES {
            let files = examples_of(format).unwrap();
            for begin in begins {
                let folder = format!("{CRATE}/{begin}");
                assert!(
                    files.iter().any(|file| file.to_str().unwrap().starts_with(&folder)),
                    "{format} {begin}"
                );
            }
        }
        let formats = fs::read_dir(format!("{CRATE}/seeds/{CHECK}")).unwrap();
        assert_eq!(formats.count(), EXAMPLES.len());
    }

    #[test]
    fn runs_are_selected_by_target_and_by_format() {
        let run = |target: &str, format: Option<&str>| Run {
            target: target.to_owned(),
            format: format.map(str::to_owned),
        };
        let all = vec![run("check", Some("compose")), run("check", Some("fly")), run("records", None)];
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (selection, expected) in [
            (&[][..], &["check/compose", "check/fly", "records"][..]),
            (&["check"], &["check/compose", "check/fly"]),
            (&["records", "check/fly"], &["check/fly", "records"]),
        ] {
            let selected = selected(all.clone(), &names(selection)).unwrap();
            assert_eq!(selected.iter().map(Run::name).collect::<Vec<_>>(), expected, "{selection:?}");
        }
        assert!(selected(all, &names(&["compose"])).is_err());
    }

    #[test]
    fn the_figures_are_those_that_libfuzzer_prints() {
        let mut figures =
            Figures { name: "check/fly".to_owned(), took: Duration::ZERO, executions: None, findings: 0 };
        for line in [
            "#2\tINITED cov: 1 ft: 1 corp: 1/1b exec/s: 0 rss: 30Mb",
            "artifact_prefix='fuzz/artifacts/'; Test unit written to fuzz/artifacts/crash-1f",
            "Done 120034 runs in 61 second(s)",
            "stat::number_of_executed_units: 120034",
        ] {
            figures.read(line);
        }
        assert_eq!(
            figures.to_string(),
            "check/fly                       61      120034        1967         1"
        );
    }
}
