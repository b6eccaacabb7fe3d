//! The file `zoo.toml` of a server: how it is rehearsed, and the verdicts that are expected.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::install::Need;
use crate::failure::Failure;

const ZOO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/zoo");
const FILE: &str = "zoo.toml";

/// In files, commands and options: the port that the server listens on. `PORT` in its environment is the same.
pub(super) const PORT: &str = "@PORT@";

const READY: &str = "--ready=http://127.0.0.1:@PORT@/";

/// A server of the zoo. Its folder has the files that it is started with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    /// The name of its folder, and on the command line.
    #[serde(skip)]
    pub(super) name: String,
    #[serde(skip)]
    pub(super) folder: PathBuf,
    /// Its name and version, in Markdown.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the page of the book"))]
    pub(super) title: String,
    /// The documentation that recommends what the first rehearsal does.
    pub(super) source: String,
    pub(super) needs: Vec<Need>,
    /// The first one is set up as the documentation recommends.
    #[serde(rename = "rehearsal")]
    pub(super) rehearsals: Vec<Rehearsal>,
}

/// One rehearsal of a server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rehearsal {
    /// What the server does at the signal, in Markdown.
    pub(super) setup: String,
    pub(super) load: Load,
    /// Options of `ebbtide rehearse` that replace or follow those of the load.
    #[serde(default)]
    pub(super) options: Vec<String>,
    pub(super) command: Vec<String>,
    pub(super) expected: Expected,
    /// Why this verdict is expected.
    pub(super) why: String,
}

/// The verdict that is expected of a rehearsal. One of several runs is enough for a failed check, as in the verdict itself.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    pub(super) verdict: Verdict,
    /// The checks that fail. All others must not fail.
    #[serde(default)]
    pub(super) fails: Vec<String>,
    /// Whether the shutdown loses a request, truncates a response or answers one wrongly.
    #[serde(default)]
    pub(super) lost: bool,
    /// The phases of the protocol that `phases-served` names as not served, in their order.
    #[serde(default)]
    pub(super) phases: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Pass,
    Fail,
    Inconclusive,
}

/// The load of a rehearsal. Where a loss depends on chance, the load makes it as good as certain.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Load {
    /// A connection in each phase of the protocol, 3 clients with slow requests and 2 with slow POST requests: always in flight at the
    /// signal, and hardly one on the wire at the moment in which a server closes a connection.
    Phases,
    /// The same over HTTP/2 with calls of gRPC, 50 a second and 4 that are slow.
    Grpc,
    /// [`Phases`](Self::Phases) without slow requests, for servers that have none.
    Quick,
    /// 64 clients that open a connection for each request, as fast as they can, until a run fails, in 40 runs at most.
    /// `refusals-clean` is not compared: chance decides whether a lost connection was opened before the signal or after it.
    Storm,
}

impl Verdict {
    /// The exit code of `ebbtide rehearse`.
    pub(super) const fn exit_code(self) -> i32 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Inconclusive => 4,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl Load {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Phases => "phases",
            Self::Grpc => "grpc",
            Self::Quick => "quick",
            Self::Storm => "storm",
        }
    }

    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Phases => &[
                "--storm=0",
                "--keepalive=0",
                "--open=0",
                "--slow=3",
                "--slow-time=1s-1200ms",
                "--url=slow=/slow/{ms}",
                "--orders=2",
                "--url=orders=POST:/slow/1000",
                "--warmup=1300ms",
                "--window=200ms",
                "--grace=4s",
            ],
            Self::Grpc => &[
                "--ready=@PORT@",
                "--http2=2",
                "--storm=0",
                "--keepalive=0",
                "--open=50",
                "--slow=4",
                "--slow-time=600ms-900ms",
                "--header=content-type: application/grpc",
                "--body-file=request.bin",
                "--warmup=700ms",
                "--window=200ms",
                "--grace=4s",
            ],
            Self::Quick => &[
                "--storm=0",
                "--keepalive=0",
                "--open=20",
                "--url=open=/",
                "--warmup=700ms",
                "--window=200ms",
                "--grace=4s",
            ],
            Self::Storm => &[
                "--storm=64",
                "--keepalive=0",
                "--open=0",
                "--no-phases",
                "--url=storm=/",
                "--warmup=500ms",
                "--window=300ms",
                "--grace=4s",
                "--repeat=40",
                "--until-failure",
            ],
        }
    }
}

impl Rehearsal {
    /// The options of `ebbtide rehearse`.
    pub(super) fn options(&self) -> Vec<String> {
        let replaced = |option: &&&str| !self.options.iter().any(|own| subject(own) == subject(option));
        let ready = (self.load != Load::Grpc).then_some(&READY);
        let of_the_load =
            ready.into_iter().chain(self.load.options()).filter(replaced).map(|&option| option.to_owned());
        of_the_load.chain(self.options.iter().cloned()).collect()
    }
}

/// What an option sets: `--grace`, or `--url=slow`.
fn subject(option: &str) -> &str {
    let equals = if option.starts_with("--url=") { 2 } else { 1 };
    option.match_indices('=').nth(equals - 1).map_or(option, |(end, _)| &option[..end])
}

/// Reads every server of the zoo, sorted by name.
///
/// # Errors
///
/// When a folder has no valid file.
pub(super) fn servers() -> Result<Vec<Server>, Failure> {
    let mut servers = Vec::new();
    for folder in fs::read_dir(ZOO).map_err(Failure::io("read tests/zoo"))? {
        let folder = folder.map_err(Failure::io("read tests/zoo"))?.path();
        if folder.join(FILE).exists() {
            servers.push(read(&folder)?);
        }
    }
    servers.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(servers)
}

fn read(folder: &Path) -> Result<Server, Failure> {
    let file = folder.join(FILE);
    let text = fs::read_to_string(&file).map_err(Failure::io(format!("read {}", file.display())))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let server = toml::from_str::<Server>(&text).map_err(|error| Failure::Unreadable {
        what: format!("tests/zoo/{name}/{FILE}"),
        why: error.to_string(),
    })?;
    Ok(Server { name, folder: folder.to_owned(), ..server })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_server_is_valid_and_has_a_good_and_a_broken_setup() {
        let servers = servers().unwrap();
        assert!(servers.len() >= 20, "{} servers", servers.len());
        for Server { name, rehearsals, source, .. } in &servers {
            let is_broken = |one: &Rehearsal| one.setup.starts_with("broken: ");
            assert!(rehearsals.iter().any(is_broken), "{name} has no broken setup");
            assert!(rehearsals.first().is_some_and(|one| !is_broken(one)), "{name} has no documented setup");
            assert!(source.starts_with("https://"), "{name}: {source}");
            let setups: BTreeSet<(&str, &str)> =
                rehearsals.iter().map(|one| (one.setup.as_str(), one.load.name())).collect();
            assert_eq!(setups.len(), rehearsals.len(), "{name}: two rehearsals have the same name");
        }
    }

    #[test]
    fn each_expected_verdict_follows_from_its_checks() {
        for server in servers().unwrap() {
            for Rehearsal { expected, setup, why, .. } in &server.rehearsals {
                let of = format!("{}: {setup}", server.name);
                assert_eq!(expected.verdict == Verdict::Fail, !expected.fails.is_empty(), "{of}");
                let fails = |id: &str| expected.fails.iter().any(|failed| failed == id);
                assert_eq!(expected.lost, fails("requests-answered"), "{of}: a loss fails requests-answered");
                assert_eq!(!expected.phases.is_empty(), fails("phases-served"), "{of}: phases");
                assert!(why.ends_with('.'), "{of}: {why}");
            }
        }
    }

    #[test]
    fn an_option_replaces_that_of_the_load() {
        let expected = Expected { verdict: Verdict::Pass, fails: vec![], lost: false, phases: vec![] };
        let options = ["--grace=9s", "--url=slow=/other", "--signal=QUIT"].map(str::to_owned).to_vec();
        let rehearsal = Rehearsal {
            setup: String::new(),
            load: Load::Phases,
            options,
            command: vec![],
            expected,
            why: String::new(),
        };
        let options = rehearsal.options();
        assert_eq!(options.iter().filter(|option| option.starts_with("--grace")).count(), 1);
        assert!(options.contains(&"--url=orders=POST:/slow/1000".to_owned()));
        assert!(!options.contains(&"--url=slow=/slow/{ms}".to_owned()));
        assert_eq!(options.last().map(String::as_str), Some("--signal=QUIT"));
    }
}
