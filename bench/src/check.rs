//! Measures how long the check of 1,000 Kubernetes files takes and how much memory it needs, beside linters that are installed.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use std::{env, fs};

use clap::Parser;
use ebbtide_check::{Options as CheckOptions, Sources, collect, render};
use serde_json::{Value, json};

use crate::measure::{Findings, conclude, median, now};

/// Measures the check of many Kubernetes files: time and memory, beside kube-linter, kube-score and checkov if they are installed
/// (`pip install checkov`).
#[derive(Debug, Parser)]
#[command(name = "check")]
pub struct Options {
    /// Files, of about 200 lines each.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub files: u32,

    /// Runs of each program.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,

    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Exit with 1 when the median is 0.5 s or more, or the memory 100 MB or more.
    #[arg(long)]
    pub check: bool,
}

/// The limit for the median of 1,000 files, in milliseconds (exclusive).
const LESS_THAN_MS: f64 = 500.0;

/// The limit for the memory, in megabytes (exclusive).
const LESS_THAN_MB: f64 = 100.0;

/// Linters that are measured if they are installed: their program and the arguments before the folder.
const PEERS: [(&str, &[&str]); 3] = [
    ("kube-linter", &["lint"]),
    ("kube-score", &["score"]),
    ("checkov", &["--framework=kubernetes", "--skip-download", "--compact", "--quiet", "--directory"]),
];

/// A linter that has taken this long altogether is not run again.
const LONG: Duration = Duration::from_secs(30);

/// Measures, prints the table, and returns the documented exit code.
pub fn run(options: &Options) -> ExitCode {
    conclude(measure(options), options.json.as_deref(), options.check)
}

/// Checks a folder in this process and prints the peak of its memory in kilobytes: what the measurement starts.
///
/// # Errors
///
/// When standard output is closed, or the system does not report the memory.
pub fn check_folder(folder: &Path) -> io::Result<()> {
    let mut sources = Sources::new();
    let (files, _problems) = collect(&[folder.to_owned()]);
    for file in files {
        sources.add_file(&file).map_err(|problem| io::Error::other(problem.message))?;
    }
    let report = ebbtide_check::check(sources, &CheckOptions::default());
    let text = render::text(&report, render::Look::default());
    writeln!(io::stdout(), "{} {} {}", peak_kilobytes()?, report.workloads, text.len())
}

fn measure(options: &Options) -> io::Result<Report> {
    let folder = tempfile::tempdir()?;
    for number in 0..options.files {
        fs::write(folder.path().join(format!("service-{number}.yaml")), manifest(number))?;
    }
    let mut report = Report { files: options.files, ..Report::default() };
    for _ in 0..options.rounds {
        let began = now();
        let child = Command::new(env::current_exe()?).arg("check-folder").arg(folder.path()).output()?;
        report.check.push(began.elapsed());
        let words = String::from_utf8_lossy(&child.stdout).into_owned();
        let mut words = words.split_whitespace().map(str::parse::<u32>);
        let (Some(Ok(peak)), Some(Ok(workloads))) = (words.next(), words.next()) else {
            return Err(io::Error::other("the check printed no figures"));
        };
        // A check that reads nothing is fast.
        if workloads != options.files {
            return Err(io::Error::other(format!("{workloads} of {} workloads were checked", options.files)));
        }
        report.kilobytes = report.kilobytes.max(peak);
        for (index, (program, arguments)) in PEERS.iter().enumerate() {
            let of_peer = report.peers.iter().filter(|(whose, _)| *whose == index);
            if of_peer.map(|(_, took)| *took).sum::<Duration>() >= LONG {
                continue;
            }
            let mut peer = Command::new(program);
            peer.args(*arguments).stdout(Stdio::null()).stderr(Stdio::null());
            let paths =
                if *program == "kube-score" { files(folder.path())? } else { vec![folder.path().to_owned()] };
            let began = now();
            // Findings make linters fail, and a program that is not installed does not start.
            if peer.args(paths).status().is_ok() {
                report.peers.push((index, began.elapsed()));
            }
        }
    }
    Ok(report)
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

/// Returns the most memory that this process has had.
fn peak_kilobytes() -> io::Result<u32> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| io::Error::other("/proc/self/status has no VmHWM"))
}

/// Returns the manifests of a service: a Deployment, a Service, an Ingress and a ConfigMap, as a chart prints them.
fn manifest(number: u32) -> String {
    let name = format!("service-{number}");
    let variables: String = (0..40)
        .map(|index| format!("            - name: SETTING_{index}\n              value: \"value {index}\"\n"))
        .collect();
    let settings: String = (0..30).map(|index| format!("  setting-{index}: \"{index}\"\n")).collect();
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: shop\n  labels:\n    app.kubernetes.io/name: {name}\n    \
         app.kubernetes.io/managed-by: Helm\nspec:\n  replicas: 3\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: {name}\n  template:\n    \
         metadata:\n      labels:\n        app.kubernetes.io/name: {name}\n      annotations:\n        ebbtide.dev/drain: 40s\n    spec:\n      \
         serviceAccountName: {name}\n      terminationGracePeriodSeconds: 45\n      securityContext:\n        runAsNonRoot: true\n      containers:\n        \
         - name: {name}\n          image: registry.example.org/shop/{name}:1.{number}\n          imagePullPolicy: IfNotPresent\n          command: [\"/{name}\"]\n          \
         args:\n            - --port=8080\n            - --log-level=info\n          ports:\n            - name: http\n              containerPort: 8080\n          \
         env:\n{variables}          readinessProbe:\n            httpGet:\n              path: /ready\n              port: http\n            periodSeconds: 5\n          \
         livenessProbe:\n            httpGet:\n              path: /live\n              port: http\n          lifecycle:\n            preStop:\n              \
         exec:\n                command: [\"sleep\", \"10\"]\n          resources:\n            requests:\n              cpu: 100m\n              memory: 128Mi\n            \
         limits:\n              memory: 256Mi\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  namespace: shop\nspec:\n  selector:\n    \
         app.kubernetes.io/name: {name}\n  ports:\n    - name: http\n      port: 80\n      targetPort: http\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\n\
         metadata:\n  name: {name}\n  namespace: shop\nspec:\n  ingressClassName: nginx\n  rules:\n    - host: {name}.example.org\n      http:\n        paths:\n          \
         - path: /\n            pathType: Prefix\n            backend:\n              service:\n                name: {name}\n                port:\n                  \
         name: http\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: shop\ndata:\n{settings}"
    )
}

/// The runs of the check and of the linters.
#[derive(Debug, Default)]
struct Report {
    files: u32,
    check: Vec<Duration>,
    kilobytes: u32,
    peers: Vec<(usize, Duration)>,
}

impl Report {
    fn median(&self) -> f64 {
        median(&millis(self.check.iter().copied()))
    }

    fn peer(&self, index: usize) -> Option<f64> {
        let of_peer = millis(self.peers.iter().filter(|(whose, _)| *whose == index).map(|(_, took)| *took));
        (!of_peer.is_empty()).then(|| median(&of_peer))
    }

    fn megabytes(&self) -> f64 {
        f64::from(self.kilobytes) / 1024.0
    }

    /// The limit is that of 1,000 files.
    fn limit(&self) -> f64 {
        LESS_THAN_MS * f64::from(self.files) / 1000.0
    }
}

fn millis(times: impl Iterator<Item = Duration>) -> Vec<f64> {
    times.map(|time| time.as_secs_f64() * 1e3).collect()
}

impl Findings for Report {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let verdict = if self.are_met() { "met" } else { "MISSED" };
        writeln!(out, "{} files            {:>10} {:>10}", self.files, "ms", "MB")?;
        writeln!(out, "ebbtide check          {:>10.0} {:>10.0}", self.median(), self.megabytes())?;
        for (index, (program, _)) in PEERS.iter().enumerate() {
            match self.peer(index) {
                Some(median) => writeln!(out, "{program:<22} {median:>10.0}")?,
                None => writeln!(out, "{program:<22} {:>10}", "not found")?,
            }
        }
        writeln!(out, "less than {:.0} ms and {LESS_THAN_MB} MB: {verdict}", self.limit())
    }

    fn to_json(&self) -> Value {
        let peers = PEERS.iter().enumerate();
        json!({
            "schema": 1,
            "files": self.files,
            "median_ms": self.median(),
            "runs_ms": millis(self.check.iter().copied()),
            "peak_mb": self.megabytes(),
            "peers_ms": peers.map(|(index, (program, _))| ((*program).to_owned(), json!(self.peer(index)))).collect::<serde_json::Map<_, _>>(),
            "met": self.are_met(),
        })
    }

    fn are_met(&self) -> bool {
        !self.check.is_empty() && self.median() < self.limit() && self.megabytes() < LESS_THAN_MB
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_about_two_hundred_lines_and_findings() {
        let text = manifest(7);
        assert!((190..220).contains(&text.lines().count()), "{}", text.lines().count());
        let mut sources = Sources::new();
        sources.add("a.yaml", text);
        let report = ebbtide_check::check(sources, &CheckOptions::default());
        assert_eq!((report.workloads, report.problems.len()), (1, 0));
        assert!(report.findings.iter().any(|finding| finding.rule.id == "K001"));
    }

    #[test]
    fn slow_runs_and_much_memory_miss_the_limits() {
        let met = Report {
            files: 1000,
            check: vec![Duration::from_millis(100)],
            kilobytes: 50_000,
            peers: Vec::new(),
        };
        assert!(met.are_met());
        assert!(!Report { check: vec![Duration::from_millis(500)], ..clone(&met) }.are_met());
        assert!(!Report { kilobytes: 102_400, ..clone(&met) }.are_met());
        assert!(!Report::default().are_met());
    }

    fn clone(report: &Report) -> Report {
        Report { check: report.check.clone(), peers: report.peers.clone(), ..*report }
    }
}
