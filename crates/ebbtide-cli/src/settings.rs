//! `ebbtide.toml`: the settings of a project, with a section for each command that has some.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ebbtide_check::read_text;

/// The file's name.
pub(crate) const NAME: &str = "ebbtide.toml";

/// Its sections.
pub(crate) const SECTIONS: [&str; 2] = ["check", "rehearse"];

/// A file of settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SettingsFile {
    /// The folder in which it is.
    pub(crate) folder: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadSettings {
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// What is wrong, at its place.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Invalid { path: PathBuf, line: usize, column: usize, message: String, hint: String },
}

impl BadSettings {
    /// Returns the text of the `hint:` line.
    pub(crate) fn hint(&self) -> Option<&str> {
        match self {
            Self::Unreadable { .. } => None,
            Self::Invalid { hint, .. } => Some(hint),
        }
    }
}

impl SettingsFile {
    /// Reads the file of `folder` or of the nearest folder above it, up to the root of the repository. `None`: there is none.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn nearest(folder: &Path) -> Result<Option<Self>, BadSettings> {
        for folder in folder.ancestors() {
            let path = folder.join(NAME);
            match read_text(&path) {
                Ok(text) => return Ok(Some(Self { folder: folder.to_owned(), path, text })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(BadSettings::Unreadable { path, source }),
            }
            if folder.join(".git").exists() {
                break;
            }
        }
        Ok(None)
    }

    /// Returns the error for what is wrong at `span`, in bytes; without one, at the begin of the file.
    pub(crate) fn invalid(
        &self,
        span: Option<Range<usize>>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> BadSettings {
        let before = span.and_then(|span| self.text.get(..span.start)).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |end| end.saturating_add(1));
        let column = before.get(line_start..).unwrap_or_default().chars().count().saturating_add(1);
        let line = before.matches('\n').count().saturating_add(1);
        let (message, hint) = (message.into(), hint.into());
        BadSettings::Invalid { path: self.path.clone(), line, column, message, hint }
    }

    /// Returns the error for a file that is not TOML, or does not have what is expected.
    pub(crate) fn unreadable(&self, error: &toml::de::Error, hint: impl Into<String>) -> BadSettings {
        self.invalid(error.span(), error.message().lines().collect::<Vec<_>>().join(" "), hint)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let file = SettingsFile { folder: "/".into(), path: NAME.into(), text: "a = 1\n".to_owned() };
        error_form::walk! {
            BadSettings::Unreadable { .. } => BadSettings::Unreadable { path: NAME.into(), source: io::Error::other("denied") };
            BadSettings::Invalid { .. } => file.invalid(Some(0..1), "unknown section `a`", "sections: check");
        }
    }

    #[test]
    fn the_nearest_file_up_to_the_root_of_the_repository_counts() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("repository/.git")).unwrap();
        fs::create_dir_all(at("repository/a/b")).unwrap();
        fs::write(at(NAME), "outside").unwrap();
        let nearest = |name: &str| SettingsFile::nearest(&at(name)).unwrap().map(|file| file.text);
        assert_eq!(nearest("repository/a"), None, "the file is outside of the repository");
        fs::write(at("repository/ebbtide.toml"), "root").unwrap();
        assert_eq!(nearest("repository/a/b").as_deref(), Some("root"));
        fs::write(at("repository/a/ebbtide.toml"), "a").unwrap();
        assert_eq!(nearest("repository/a/b").as_deref(), Some("a"));
        fs::create_dir(at("repository/a/b/ebbtide.toml")).unwrap();
        let unreadable = SettingsFile::nearest(&at("repository/a/b"));
        assert!(matches!(unreadable, Err(BadSettings::Unreadable { .. })));
    }
}
