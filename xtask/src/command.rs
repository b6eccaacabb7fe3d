use crate::failure::Failure;

/// What `cargo xtask help` prints.
pub(crate) const USAGE: &str = "\
cargo xtask <command>

  test [SELECTION...]           install what the tests need, then run every test, doc test and model; with a
                                selection (arguments of `cargo nextest run`), only those tests: `test signals`
  check [STEP...]               everything in ci except the tests: format, layers, sources, documents, words, errors,
                                listings, book, licences, lints, documentation, combinations, benchmarks, fuzz; or
                                only these steps
  ci                            check, then test
  features                      lint the library with each of its features alone, and each other crate alone
  generate                      write the generated pages
  picture                       rehearse the demo and draw the picture of its result
  page                          open a rehearsal's page of 400,000 requests in a headless browser, at three sizes, light
                                and dark: errors and overflow fail; the pictures are in target/page
  shells                        run the scripts of crates/ebbtide-check/src/knowledge/shells.txt in dash, busybox ash and
                                bash, as far as they are installed, and compare with that table
  bench [NAME [OPTIONS...]]     compare with peers: primitives, ping, idle-exit, idle-memory, queue, throughput,
                                shutdown, soak, check, load-generator; without a name, the first three (the others take
                                long, or need servers or tools)
  zoo [NAME...]                 rehearse real servers, as documented and broken, and compare the verdicts with those
                                written down in tests/zoo; or only the named ones
  fuzz [SECONDS [NAME...]]      fuzz each parser for SECONDS, 60 by default, and each format of the deployment files, or
                                only the named ones: records, check, check/compose (needs a nightly toolchain;
                                installs cargo-fuzz if it is missing)
  release --dry-run             check that this commit can be released, and build each published crate from its
                                archive; docs/release.md has the steps
  help                          print this text

test installs cargo-nextest with cargo and, when it runs as root, missing tools with apt-get. It starts a
PostgreSQL, Redis, RabbitMQ, NATS and SQS server unless a local one answers. To use another server, set
EBBTIDE_TEST_POSTGRES, EBBTIDE_TEST_REDIS, EBBTIDE_TEST_RABBITMQ, EBBTIDE_TEST_NATS or EBBTIDE_TEST_SQS
to its URL; the value `own` starts a separate server even if a local one answers.";

/// A parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    /// The arguments for cargo-nextest; empty for all tests.
    Test(Vec<String>),
    /// The steps to run, by the beginning of their names; empty for all.
    Check(Vec<String>),
    Ci,
    Features,
    Generate,
    /// Draws a rehearsal for the documents.
    Picture,
    /// Checks the page of a rehearsal in a browser.
    Page,
    /// Measures what the shells do that `ebbtide-check` knows.
    Shells,
    /// Checks a release without publishing it.
    Release,
    /// Seconds to run each target, and the targets; empty for all.
    Fuzz(u32, Vec<String>),
    /// The comparison to run (the short ones when no name is given), and the options that are passed to it.
    Bench(Option<Comparison>, Vec<String>),
    /// The servers to rehearse, by the names of their folders; empty for all.
    Zoo(Vec<String>),
}

/// One of the comparisons of `bench/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Primitives,
    Ping,
    IdleExit,
    IdleMemory,
    Queue,
    Throughput,
    Shutdown,
    Soak,
    Check,
    LoadGenerator,
}

impl Command {
    /// Parses the arguments after the program's name.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] for anything that is not a command of `cargo xtask`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["help" | "--help" | "-h"] | [_, "--help" | "-h"] => Ok(Self::Help),
            ["test", selection @ ..] => Ok(Self::Test(owned(selection))),
            ["features"] => Ok(Self::Features),
            ["check", steps @ ..] => Ok(Self::Check(owned(steps))),
            ["ci"] => Ok(Self::Ci),
            ["zoo", names @ ..] => Ok(Self::Zoo(owned(names))),
            ["picture"] => Ok(Self::Picture),
            ["page"] => Ok(Self::Page),
            ["shells"] => Ok(Self::Shells),
            ["generate"] => Ok(Self::Generate),
            ["release", "--dry-run"] => Ok(Self::Release),
            ["release"] => Err(Failure::Usage(
                "a person publishes, by docs/release.md: only `release --dry-run` runs here".to_owned(),
            )),
            ["fuzz"] => Ok(Self::Fuzz(60, Vec::new())),
            ["fuzz", seconds, names @ ..] => seconds
                .parse()
                .map(|seconds| Self::Fuzz(seconds, owned(names)))
                .map_err(|_| Failure::Usage(format!("invalid number of seconds: {seconds}"))),
            ["bench"] => Ok(Self::Bench(None, Vec::new())),
            ["bench", name, options @ ..] => Ok(Self::Bench(Some(Comparison::parse(name)?), owned(options))),
            [] => Err(Failure::Usage("no command given".to_owned())),
            words => Err(Failure::Usage(format!("unknown command: {}", words.join(" ")))),
        }
    }
}

impl Comparison {
    pub(crate) const ALL: [Self; 10] = [
        Self::Primitives,
        Self::Ping,
        Self::IdleExit,
        Self::IdleMemory,
        Self::Queue,
        Self::Throughput,
        Self::Shutdown,
        Self::Soak,
        Self::Check,
        Self::LoadGenerator,
    ];

    /// The comparisons that take one or two minutes each.
    pub(crate) const SHORT: [Self; 3] = [Self::Primitives, Self::Ping, Self::IdleExit];

    /// The name on the command line, here and in `bench/`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Primitives => "primitives",
            Self::Ping => "ping",
            Self::IdleExit => "idle-exit",
            Self::IdleMemory => "idle-memory",
            Self::Queue => "queue",
            Self::Throughput => "throughput",
            Self::Shutdown => "shutdown",
            Self::Soak => "soak",
            Self::Check => "check",
            Self::LoadGenerator => "load-generator",
        }
    }

    fn parse(name: &str) -> Result<Self, Failure> {
        Self::ALL
            .into_iter()
            .find(|comparison| comparison.name() == name)
            .ok_or_else(|| Failure::Usage(format!("unknown comparison: {name}")))
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, Failure> {
        Command::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn every_comparison_is_found_by_its_name() {
        for comparison in Comparison::ALL {
            let parsed = parse(&format!("bench {} --check", comparison.name())).unwrap();
            assert_eq!(parsed, Command::Bench(Some(comparison), vec!["--check".to_owned()]));
        }
    }

    #[test]
    fn help_is_printed_for_each_command() {
        for line in ["help", "--help", "test --help", "test -h", "bench --help", "ci -h"] {
            assert_eq!(parse(line).unwrap(), Command::Help, "{line}");
        }
    }

    #[test]
    fn what_is_not_a_command_is_refused() {
        for line in ["", "tests", "release", "bench pong", "fuzz ever"] {
            assert!(matches!(parse(line), Err(Failure::Usage(_))), "{line}");
        }
    }
}
