//! Where each option comes from: the command line, or a key of `ebbtide.toml`.

use std::ops::Range;
use std::path::Path;

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::settings::{BadSettings, SettingsFile};

/// The options that were given, by the names that they have in clap.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    options: Vec<String>,
    /// The keys that no option replaces, each with its place in the file.
    keys: Vec<(String, Range<usize>)>,
    file: Option<SettingsFile>,
}

impl Origins {
    /// Returns the options of the command line.
    pub(super) fn given(given: &ArgMatches) -> Self {
        let ids = given.ids().map(|id| id.as_str());
        let is_given = |id: &&str| {
            given.try_contains_id(id).unwrap_or(false)
                && given.value_source(id) == Some(ValueSource::CommandLine)
        };
        Self { options: ids.filter(is_given).map(str::to_owned).collect(), ..Self::default() }
    }

    /// Adds the keys of `file`.
    pub(super) fn with_keys(
        self,
        file: &SettingsFile,
        keys: impl Iterator<Item = (String, Range<usize>)>,
    ) -> Self {
        Self { keys: keys.collect(), file: Some(file.clone()), ..self }
    }

    /// Returns whether option `id` was given, on the command line or as a key.
    pub(super) fn has(&self, id: &str) -> bool {
        self.is_option(id) || self.key(id).is_some()
    }

    /// Returns the folder of the file if option `id` is one of its keys.
    pub(super) fn folder_of(&self, id: &str) -> Option<&Path> {
        self.key(id).and(self.file.as_ref()).map(|file| file.folder.as_path())
    }

    /// Returns whether both were given in one place. An option of the command line may leave a key of the file without meaning: that
    /// key is for other calls.
    pub(super) fn together(&self, one: &str, other: &str) -> bool {
        self.is_option(one) && self.is_option(other) || self.key(one).is_some() && self.key(other).is_some()
    }

    /// Returns the error at the place of the first key among `ids`. `None`: all of them are options of the command line.
    pub(super) fn at_key(&self, ids: &[&str], message: &str, hint: &str) -> Option<BadSettings> {
        let span = ids.iter().find_map(|id| self.key(id))?;
        Some(self.file.as_ref()?.invalid(Some(span.clone()), message, hint))
    }

    fn is_option(&self, id: &str) -> bool {
        self.options.iter().any(|known| known == id)
    }

    fn key(&self, id: &str) -> Option<&Range<usize>> {
        self.keys.iter().find(|(known, _)| known == id).map(|(_, span)| span)
    }
}
