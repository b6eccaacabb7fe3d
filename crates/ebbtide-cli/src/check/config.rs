//! The section `[check]` of `ebbtide.toml`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use clap::ValueEnum as _;
use ebbtide_check::{Options, PathIgnore};
use ebbtide_rehearse::words::chain;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::args::Level;
use crate::settings::{BadSettings, SettingsFile};

/// The settings of a project for `check`.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) select: Option<Vec<String>>,
    pub(super) ignore: Option<Vec<String>>,
    pub(super) fail_on: Option<Level>,
    pub(super) path_ignores: Vec<PathIgnore>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "the sections [check] and [rehearse]")]
struct Document {
    check: Option<Section>,
    /// `rehearse` reads it.
    #[serde(rename = "rehearse")]
    _rehearse: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a section")]
struct Section {
    select: Option<Spanned<Vec<Spanned<String>>>>,
    ignore: Option<Vec<Spanned<String>>>,
    fail_on: Option<Spanned<String>>,
    #[serde(default)]
    per_path_ignores: BTreeMap<Spanned<String>, Spanned<Vec<Spanned<String>>>>,
}

/// Reads the section of the nearest file, as [`SettingsFile::nearest`] finds it. Without one there are no settings.
///
/// # Errors
///
/// The file cannot be read, has a key or a rule that does not exist, or a value of another type.
pub(super) fn find(folder: &Path) -> Result<Config, BadSettings> {
    SettingsFile::nearest(folder)?.map_or_else(|| Ok(Config::default()), |file| parse(&file))
}

fn parse(file: &SettingsFile) -> Result<Config, BadSettings> {
    let invalid = |span: Option<Range<usize>>, message: String, hint: &str| file.invalid(span, message, hint);
    let document: Document = toml::from_str(&file.text).map_err(|error| file.unreadable(&error, KEYS))?;
    let Some(section) = document.check else { return Ok(Config::default()) };
    let rules = |words: Vec<Spanned<String>>| -> Result<Vec<String>, BadSettings> {
        let is_known =
            |word: &String| Options { select: vec![word.clone()], ..Options::default() }.unknown().is_empty();
        match words.iter().find(|word| !is_known(word.get_ref())) {
            Some(word) => {
                Err(invalid(Some(word.span()), format!("unknown rule `{}`", word.get_ref()), RULES))
            }
            None => Ok(words.into_iter().map(Spanned::into_inner).collect()),
        }
    };
    let not_empty = |words: Spanned<Vec<Spanned<String>>>, hint| match words.get_ref().as_slice() {
        [] => Err(invalid(Some(words.span()), "empty list of rules".to_owned(), hint)),
        _ => rules(words.into_inner()),
    };
    let level = |word: Spanned<String>| {
        let invalid =
            |_| invalid(Some(word.span()), format!("invalid severity `{}`", word.get_ref()), LEVELS);
        Level::from_str(word.get_ref(), false).map_err(invalid)
    };
    let mut config = Config {
        select: section.select.map(|words| not_empty(words, SELECT)).transpose()?,
        ignore: section.ignore.map(&rules).transpose()?,
        fail_on: section.fail_on.map(level).transpose()?,
        path_ignores: Vec::new(),
    };
    for (pattern, words) in section.per_path_ignores {
        let ignore = PathIgnore::new(&file.folder, pattern.get_ref(), not_empty(words, IGNORED)?)
            .map_err(|error| invalid(Some(pattern.span()), chain(&error).replace('\n', " "), PATTERNS))?;
        config.path_ignores.push(ignore);
    }
    Ok(config)
}

const KEYS: &str = "the section [check] has select, ignore, fail-on and per-path-ignores";
const LEVELS: &str = "fail-on is error, warning or info";
const RULES: &str = "`ebbtide explain` lists the rules";
const SELECT: &str = "leave select out to run every rule";
const IGNORED: &str = "name the rules that do not run for these files";
const PATTERNS: &str = "patterns are those of .gitignore, from the folder of ebbtide.toml on";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::NAME;

    fn read(text: &str) -> Result<Config, BadSettings> {
        parse(&SettingsFile { folder: "/project".into(), path: NAME.into(), text: text.to_owned() })
    }

    #[test]
    fn every_key_is_read() {
        let config = read(
            "[check]\nselect = [\"K\", \"compose-budget\"]\nignore = [\"K003\"]\nfail-on = \"warning\"\n[check.per-path-ignores]\n\
             \"legacy/**\" = [\"K001\"]\n",
        )
        .unwrap();
        assert_eq!(config.select.unwrap(), ["K", "compose-budget"]);
        assert_eq!((config.ignore.unwrap(), config.path_ignores.len()), (vec!["K003".to_owned()], 1));
        assert!(matches!(config.fail_on, Some(Level::Warning)));
        assert!(read("").unwrap().select.is_none() && read("[check]").unwrap().path_ignores.is_empty());
        assert!(read("[rehearse]\nready = \"8080\"\n").unwrap().select.is_none());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_a_hint() {
        for (text, place, word, hint) in [
            ("[check]\nselct = []\n", "2:1", "unknown field `selct`", KEYS),
            ("[chek]\n", "1:2", "unknown field `chek`", KEYS),
            ("[check]\nfail-on = \"fatal\"\n", "2:11", "invalid severity `fatal`", LEVELS),
            ("[check]\nfail-on = 3\n", "2:11", "expected a string", KEYS),
            ("check = 1\n", "1:9", "expected a section", KEYS),
            ("[check]\nselect = \"K001\"\n", "2:10", "invalid type", KEYS),
            ("[check]\nignore = [\"K001\",\n  \"Q1\"]\n", "3:3", "unknown rule `Q1`", RULES),
            (
                "[check.per-path-ignores]\n\"[z-a]\" = [\"K001\"]\n",
                "2:1",
                "invalid pattern `[z-a]`",
                PATTERNS,
            ),
            ("[check]\nselect = []\n", "2:10", "empty list of rules", SELECT),
            ("[check.per-path-ignores]\n\"a\" = []\n", "2:7", "empty list of rules", IGNORED),
            ("[check.per-path-ignores]\n\"a[\" = [\"K001\"]\n", "2:1", "unclosed character class", PATTERNS),
            ("[check.per-path-ignores]\n\"./a\" = [\"K001\"]\n", "2:1", "matches nothing", PATTERNS),
            ("[check.per-path-ignores]\n\"a\" = [\"Q1\"]\n", "2:8", "unknown rule `Q1`", RULES),
            ("[check\n", "1:7", "", KEYS),
        ] {
            let error = read(text).err().unwrap();
            let shown = error.to_string();
            assert!(
                shown.starts_with(&format!("ebbtide.toml:{place}: ")) && shown.contains(word),
                "{text}: {shown}"
            );
            assert_eq!(error.hint(), Some(hint), "{text}");
        }
    }
}
