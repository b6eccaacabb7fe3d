//! The options that were given beside `--init`, as keys of the file: without them it would describe another rehearsal.

use clap::ArgMatches;

use super::init::quoted;
use super::origins::Origins;
use super::settings::{COMMAND, Kind, keys, options};

/// What the file has anyway, with what was found.
const FOUND: [&str; 5] = [COMMAND, "ready", "signal", "grace", "expect-exit"];
/// The lines of the given options.
#[derive(Debug, Default)]
pub(super) struct GivenLines {
    /// Those of routes.
    pub(super) routes: Vec<String>,
    /// The others.
    pub(super) others: Vec<String>,
}

/// Returns a line for each option that was `given` and is a key.
pub(super) fn given_lines(given: &ArgMatches) -> GivenLines {
    let origins = Origins::given(given);
    let mut lines = GivenLines::default();
    let is_given = |id: &str, name: &str| origins.has(id) && !FOUND.contains(&name);
    for key in keys(&options()).into_iter().filter(|key| is_given(&key.id, &key.name)) {
        let words: Vec<String> = given
            .get_raw(&key.id)
            .map(|words| words.map(|word| word.to_string_lossy().into_owned()).collect())
            .unwrap_or_default();
        let last = words.last().cloned().unwrap_or_default();
        let all = || words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
        let value = match key.kind {
            Kind::Flag => "true".to_owned(),
            Kind::Routes => {
                let route = |word: &String| {
                    let (shape, route) = word.split_once('=')?;
                    Some(format!("{}.{shape} = {}", key.name, quoted(route)))
                };
                lines.routes.extend(words.iter().filter_map(route));
                continue;
            }
            Kind::Integer | Kind::FlagOrInteger => last,
            Kind::Texts | Kind::TextsOrIntegers | Kind::Words => format!("[{}]", all()),
            Kind::Time | Kind::TextOrInteger | Kind::Text | Kind::Choice(_) => quoted(&last),
        };
        lines.others.push(format!("{} = {value}", key.name));
    }
    lines
}
