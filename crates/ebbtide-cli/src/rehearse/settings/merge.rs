//! Options of the command line before those of the file.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use clap::{ArgMatches, FromArgMatches as _};

use super::keys::{COMMAND, options};
use super::read::{Setting, conflicts, read};
use crate::rehearse::args::RehearseArgs;
use crate::rehearse::origins::Origins;
use crate::settings::{BadSettings, SettingsFile};

/// Returns `args`, which were `given`, completed by the settings of the nearest `ebbtide.toml`, and that file. `None`: there are
/// none. The demo has none.
///
/// # Errors
///
/// The file cannot be read, or has a key or a value that does not exist.
pub(in crate::rehearse) fn with_settings(
    args: &RehearseArgs,
    given: &ArgMatches,
    words: impl Iterator<Item = OsString>,
) -> Result<Option<(RehearseArgs, SettingsFile)>, BadSettings> {
    if args.demo {
        return Ok(None);
    }
    let folder = env::current_dir().map_err(|source| BadSettings::Unreadable { path: ".".into(), source })?;
    let Some(file) = nearest(&folder)? else { return Ok(None) };
    Ok(merged(&file, given, words)?.map(|args| (args, file)))
}

/// Returns the settings of `file`, and the options that were `given` as `words` in their place. `None`: it has none.
pub(super) fn merged(
    file: &SettingsFile,
    given: &ArgMatches,
    words: impl Iterator<Item = OsString>,
) -> Result<Option<RehearseArgs>, BadSettings> {
    let options = options();
    let settings = read(file, &options)?;
    if settings.is_empty() {
        return Ok(None);
    }
    let origins = Origins::given(given);
    let is_given = |id: &str| origins.has(id);
    let excluded = |setting: &&Setting| {
        let ids = options.get_arguments().map(|arg| arg.get_id().as_str());
        is_given(&setting.id) || ids.filter(|id| is_given(id)).any(|id| conflicts(&options, &setting.id, id))
    };
    let wanted: Vec<&Setting> = settings.iter().filter(|setting| !excluded(setting)).collect();
    let command = wanted.iter().find(|setting| setting.name == COMMAND);
    let mut line: Vec<OsString> = vec!["rehearse".into()];
    let of_options = wanted.iter().filter(|setting| setting.name != COMMAND);
    line.extend(of_options.flat_map(|setting| setting.words.clone()));
    line.extend(words);
    if let Some(command) = command {
        if !line.iter().any(|word| word == "--") {
            line.push("--".into());
        }
        line.extend(command.words.iter().cloned());
    }
    let merged =
        options.try_get_matches_from(line).and_then(|matches| RehearseArgs::from_arg_matches(&matches));
    // Each part was valid alone.
    let whole = |error: clap::Error| {
        file.invalid(None, error.kind().to_string(), "`ebbtide rehearse --help` explains every option")
    };
    let mut args = merged.map_err(whole)?;
    let keys = wanted.iter().map(|setting| (setting.id.clone(), setting.span.clone()));
    args.origins = origins.with_keys(file, keys);
    Ok(Some(args))
}

fn nearest(folder: &Path) -> Result<Option<SettingsFile>, BadSettings> {
    let file = SettingsFile::nearest(folder)?;
    // A path as one would type it.
    Ok(file.map(|file| match file.path.strip_prefix(folder) {
        Ok(path) => SettingsFile { path: path.to_owned(), ..file },
        Err(_) => file,
    }))
}
