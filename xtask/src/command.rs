use crate::failure::Failure;

/// What `cargo xtask help` prints.
pub(crate) const USAGE: &str = "\
cargo xtask <command>

  test [SELECTION...]           get what the tests need, then run every test, doc test and model; with a selection, as
                                `cargo nextest run` takes it, only those tests: `test signals`
  check                         everything in ci but the tests: format, layers, documents, licences, lints, documentation,
                                features, benchmarks, fuzz targets
  ci                            check, then test
  features                      check the library with each of its features alone, and each crate beside it
  generate                      write the generated pages
  bench [NAME [OPTIONS...]]     compare with peers: primitives, ping, idle-exit, queue, throughput, shutdown,
                                soak; without a name, the first three: the others take long, or need servers
  fuzz [SECONDS]                feed each reader of bytes from the wire for so long, 60 s by default (needs a nightly
                                toolchain; installs cargo-fuzz where it is missing)
  release --dry-run             check that this commit can be released, and build each published crate from its archive; docs/release.md has
                                the steps
  help                          this text

test installs cargo-nextest with cargo and missing tools with apt-get, when it runs as root, and starts a PostgreSQL, Redis, RabbitMQ, NATS and SQS of its
own where none answers. EBBTIDE_TEST_POSTGRES, EBBTIDE_TEST_REDIS, EBBTIDE_TEST_RABBITMQ, EBBTIDE_TEST_NATS and
EBBTIDE_TEST_SQS name one to use instead by its URL; `own` as the URL starts one of its own although another answers.";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    /// Which tests: arguments for cargo-nextest, or all.
    Test(Vec<String>),
    Check,
    Ci,
    Features,
    Generate,
    /// Checks a release without publishing it.
    Release,
    /// For how many seconds each target is to run.
    Fuzz(u32),
    /// The comparison to run (the short ones without a name), and the options handed on to it.
    Bench(Option<Comparison>, Vec<String>),
}

/// One of the comparisons of `bench/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Primitives,
    Ping,
    IdleExit,
    Queue,
    Throughput,
    Shutdown,
    Soak,
}

impl Command {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] for anything that is not a command of ours.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["help" | "--help" | "-h"] | [_, "--help" | "-h"] => Ok(Self::Help),
            ["test", selection @ ..] => Ok(Self::Test(owned(selection))),
            ["features"] => Ok(Self::Features),
            ["check"] => Ok(Self::Check),
            ["ci"] => Ok(Self::Ci),
            ["generate"] => Ok(Self::Generate),
            ["release", "--dry-run"] => Ok(Self::Release),
            ["release"] => Err(Failure::Usage("a person publishes, by docs/release.md: only `release --dry-run` runs here".to_owned())),
            ["fuzz"] => Ok(Self::Fuzz(60)),
            ["fuzz", seconds] => seconds
                .parse()
                .map(Self::Fuzz)
                .map_err(|_| Failure::Usage(format!("no number of seconds: {seconds}"))),
            ["bench"] => Ok(Self::Bench(None, Vec::new())),
            ["bench", name, options @ ..] => Ok(Self::Bench(Some(Comparison::parse(name)?), owned(options))),
            [] => Err(Failure::Usage("no command given".to_owned())),
            words => Err(Failure::Usage(format!("no such command: {}", words.join(" ")))),
        }
    }
}

impl Comparison {
    pub(crate) const ALL: [Self; 7] = [
        Self::Primitives,
        Self::Ping,
        Self::IdleExit,
        Self::Queue,
        Self::Throughput,
        Self::Shutdown,
        Self::Soak,
    ];

    /// Those that take a minute or two each.
    pub(crate) const SHORT: [Self; 3] = [Self::Primitives, Self::Ping, Self::IdleExit];

    /// The name on the command line, here and in `bench/`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Primitives => "primitives",
            Self::Ping => "ping",
            Self::IdleExit => "idle-exit",
            Self::Queue => "queue",
            Self::Throughput => "throughput",
            Self::Shutdown => "shutdown",
            Self::Soak => "soak",
        }
    }

    fn parse(name: &str) -> Result<Self, Failure> {
        Self::ALL
            .into_iter()
            .find(|comparison| comparison.name() == name)
            .ok_or_else(|| Failure::Usage(format!("no such comparison: {name}")))
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
    fn help_is_help_behind_each_command() {
        for line in ["help", "--help", "test --help", "test -h", "bench --help", "ci -h"] {
            assert_eq!(parse(line).unwrap(), Command::Help, "{line}");
        }
    }

    #[test]
    fn what_is_not_a_command_is_refused() {
        for line in ["", "tests", "check --quick", "bench pong", "fuzz ever"] {
            assert!(matches!(parse(line), Err(Failure::Usage(_))), "{line}");
        }
    }
}
