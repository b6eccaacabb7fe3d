//! `ebbtide.toml`: the settings of a project.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use ebbtide_check::{Options, PathIgnore, read_text};
use ebbtide_rehearse::words::chain;
use serde::Deserialize;
use toml::Spanned;

use super::args::Level;

/// The file's name.
const NAME: &str = "ebbtide.toml";

/// The settings of a project for `check`.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) select: Option<Vec<String>>,
    pub(super) ignore: Option<Vec<String>>,
    pub(super) fail_on: Option<Level>,
    pub(super) path_ignores: Vec<PathIgnore>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadConfig {
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// What is wrong, at its place.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Invalid { path: PathBuf, line: usize, column: usize, message: String, hint: &'static str },
}

impl BadConfig {
    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreadable { .. } => None,
            Self::Invalid { hint, .. } => Some(hint),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "the section [check]")]
struct Document {
    check: Option<Section>,
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

/// Reads the file of a folder or of the nearest folder above it, up to the root of the repository. Without one there are no settings.
///
/// # Errors
///
/// The file cannot be read, has a key or a rule that does not exist, or a value of another type.
pub(super) fn find(folder: &Path) -> Result<Config, BadConfig> {
    for folder in folder.ancestors() {
        let path = folder.join(NAME);
        match read_text(&path) {
            Ok(text) => return parse(folder, &path, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(BadConfig::Unreadable { path, source }),
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    Ok(Config::default())
}

fn parse(folder: &Path, path: &Path, text: &str) -> Result<Config, BadConfig> {
    let invalid = |span: Option<Range<usize>>, message: String, hint| {
        let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |end| end.saturating_add(1));
        let column = before.get(line_start..).unwrap_or_default().chars().count().saturating_add(1);
        let line = before.matches('\n').count().saturating_add(1);
        BadConfig::Invalid { path: path.to_owned(), line, column, message, hint }
    };
    let document: Document = toml::from_str(text).map_err(|error| {
        invalid(error.span(), error.message().lines().collect::<Vec<_>>().join(" "), KEYS)
    })?;
    let Some(section) = document.check else { return Ok(Config::default()) };
    let rules = |words: Vec<Spanned<String>>| -> Result<Vec<String>, BadConfig> {
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
        let ignore = PathIgnore::new(folder, pattern.get_ref(), not_empty(words, IGNORED)?)
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
    use std::fs;

    use super::*;
    use crate::error_form;

    fn read(text: &str) -> Result<Config, BadConfig> {
        parse(Path::new("/project"), Path::new("ebbtide.toml"), text)
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            BadConfig::Unreadable { .. } => BadConfig::Unreadable { path: NAME.into(), source: io::Error::other("denied") };
            BadConfig::Invalid { .. } => read("a = 1").err().unwrap();
        }
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

    #[test]
    fn the_nearest_file_up_to_the_root_of_the_repository_counts() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("repository/.git")).unwrap();
        fs::create_dir_all(at("repository/a/b")).unwrap();
        fs::write(at(NAME), "[check]\nselect = [\"C\"]\n").unwrap();
        let select = |name: &str| find(&at(name)).unwrap().select;
        assert_eq!(select("repository/a"), None, "the file is outside of the repository");
        fs::write(at("repository/ebbtide.toml"), "[check]\nselect = [\"K\"]\n").unwrap();
        assert_eq!(select("repository/a/b"), Some(vec!["K".to_owned()]));
        fs::write(at("repository/a/ebbtide.toml"), "[check]\nselect = [\"S\"]\n").unwrap();
        assert_eq!(select("repository/a/b"), Some(vec!["S".to_owned()]));
        fs::create_dir(at("repository/a/b/ebbtide.toml")).unwrap();
        assert!(matches!(find(&at("repository/a/b")), Err(BadConfig::Unreadable { .. })));
    }
}
