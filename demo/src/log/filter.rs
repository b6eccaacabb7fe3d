use std::io::{self, Write as _};

use tracing_subscriber::filter::{LevelFilter, Targets};

/// Reads what `RUST_LOG` asks for: `LEVEL` and `TARGET=LEVEL`, separated by commas; `info` without it.
///
/// A directive that cannot be read is reported on standard error and ignored. That includes those for spans and fields
/// (`target[span]=level`): a regex engine would have to be compiled for them.
pub(super) fn from_env() -> Targets {
    let (targets, ignored) = parse(&std::env::var("RUST_LOG").unwrap_or_default());
    for directive in ignored {
        let _ =
            writeln!(io::stderr(), "orders: warning: invalid directive `{directive}` in RUST_LOG ignored");
    }
    targets
}

/// Returns the targets, and the directives that cannot be read.
fn parse(text: &str) -> (Targets, Vec<String>) {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let (valid, ignored): (Vec<&str>, Vec<&str>) =
        words.partition(|word| !word.contains('[') && word.parse::<Targets>().is_ok());
    let targets = valid.join(",").parse().ok().filter(|_| !valid.is_empty());
    let default = || Targets::new().with_default(LevelFilter::INFO);
    (targets.unwrap_or_else(default), ignored.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::filter::LevelFilter as Level;

    use super::*;

    #[test]
    fn a_level_and_targets_are_read_as_they_are_elsewhere() {
        for (text, default, targets) in [
            ("", Some(Level::INFO), &[][..]),
            ("debug", Some(Level::DEBUG), &[]),
            ("off", Some(Level::OFF), &[]),
            (
                "warn, ebbtide=TRACE,sqlx=off",
                Some(Level::WARN),
                &[("ebbtide", Level::TRACE), ("sqlx", Level::OFF)],
            ),
            // What is named alone is all that is asked for.
            ("ebbtide::http", None, &[("ebbtide::http", Level::TRACE)]),
        ] {
            let (read, ignored) = parse(text);
            assert_eq!((read.default_level(), ignored.as_slice()), (default, [].as_slice()), "{text}");
            let mut read: Vec<_> = read.into_iter().collect();
            read.sort();
            let expected: Vec<_> = targets.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect();
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_and_the_rest_counts() {
        let (read, ignored) = parse("ebbtide=loud,[order{id=1}]=debug,warn");
        assert_eq!(ignored, ["ebbtide=loud", "[order{id=1}]=debug"]);
        assert_eq!((read.default_level(), read.iter().count()), (Some(LevelFilter::WARN), 0));
        assert_eq!(parse("ebbtide=loud").0.default_level(), Some(LevelFilter::INFO));
    }
}
