use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::check::means;
use crate::findings::Rule;

/// Rules that do not run for some files.
#[derive(Clone, Debug)]
pub struct PathIgnore {
    pattern: String,
    matcher: Gitignore,
    /// Ids, names or prefixes of the rules.
    pub(super) rules: Vec<String>,
}

/// The text is not a pattern of paths, or is one that can match nothing.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPattern {
    /// Its syntax is not that of a pattern.
    #[error("invalid pattern `{pattern}`")]
    Syntax {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        source: ignore::Error,
    },
    /// It can match no path.
    #[error("pattern `{pattern}` matches nothing: {reason}")]
    Inert {
        /// The pattern.
        pattern: String,
        /// Why it does not.
        reason: &'static str,
    },
}

impl PathIgnore {
    /// Creates one for the files that `pattern` matches, as in a `.gitignore` in the folder `root`, an absolute path.
    ///
    /// # Errors
    ///
    /// Returns an error if the pattern is not valid, or can match nothing.
    pub fn new(root: &Path, pattern: &str, rules: Vec<String>) -> Result<Self, InvalidPattern> {
        if let Some(reason) = inert(pattern) {
            return Err(InvalidPattern::Inert { pattern: pattern.to_owned(), reason });
        }
        let invalid = |source| InvalidPattern::Syntax { pattern: pattern.to_owned(), source };
        let mut builder = GitignoreBuilder::new(root);
        // git takes an open bracket literally: a pattern that has one is a mistake.
        builder.allow_unclosed_class(false);
        builder.add_line(None, pattern).map_err(invalid)?;
        Ok(Self { pattern: pattern.to_owned(), matcher: builder.build().map_err(invalid)?, rules })
    }

    /// Returns the pattern as it is written.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Returns the folder that the pattern is relative to.
    pub fn root(&self) -> &Path {
        self.matcher.path()
    }

    /// Returns whether the pattern is about a file: by its name, relative to the current folder or absolute.
    pub fn matches(&self, name: &str) -> bool {
        let Ok(path) = std::path::absolute(name) else { return false };
        let Ok(inside) = path.strip_prefix(self.root()) else { return false };
        self.matcher.matched_path_or_any_parents(inside, false).is_ignore()
    }

    /// Returns whether a rule does not run for a file.
    pub(super) fn covers(&self, name: &str, rule: &Rule) -> bool {
        self.rules.iter().any(|word| means(word, rule)) && self.matches(name)
    }
}

/// Returns why a pattern matches no path. In a `.gitignore` such lines have a meaning; as the only pattern they have none.
fn inert(pattern: &str) -> Option<&'static str> {
    let inner = pattern.trim_matches('/');
    if inner.trim().is_empty() {
        Some("it is empty")
    } else if pattern.starts_with('#') {
        Some("it is a comment")
    } else if pattern.starts_with('!') {
        Some("it only excludes paths")
    } else if inner.split('/').any(|part| part == "." || part == "..") {
        Some("paths have no `.` or `..`")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            InvalidPattern::Syntax { .. } => PathIgnore::new(Path::new("/"), "[z-a]", Vec::new()).unwrap_err();
            InvalidPattern::Inert { .. } => PathIgnore::new(Path::new("/"), "#", Vec::new()).unwrap_err();
        }
    }

    #[test]
    fn a_pattern_is_that_of_a_gitignore_in_its_folder() {
        let here = std::env::current_dir().unwrap();
        let rule = crate::rules::find("K001").unwrap();
        let covers = |pattern: &str, name: &str| {
            PathIgnore::new(&here, pattern, vec!["K".to_owned()]).unwrap().covers(name, rule)
        };
        for (pattern, name) in [
            ("legacy/", "legacy/a.yaml"),
            ("*.yaml", "./deep/er/a.yaml"),
            ("/deploy/**/old.yaml", "deploy/a/b/old.yaml"),
            ("legacy", "other/legacy/a.yaml"),
        ] {
            assert!(covers(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("/legacy/", "other/legacy/a.yaml"),
            ("*.yml", "a.yaml"),
            ("a.yaml", "<stdin>"),
            ("*", "/elsewhere/a"),
        ] {
            assert!(!covers(pattern, name), "{pattern} {name}");
        }
        let other = PathIgnore::new(&here, "*", vec!["C001".to_owned()]).unwrap();
        assert!(!other.covers("a.yaml", rule));
    }

    #[test]
    fn a_pattern_that_is_not_valid_or_matches_nothing_is_refused() {
        for (pattern, reason) in [
            ("[z-a]", "invalid pattern"),
            ("a[b", "invalid pattern"),
            ("{a,b", "invalid pattern"),
            ("a}", "invalid pattern"),
            ("", "it is empty"),
            (" ", "it is empty"),
            ("/", "it is empty"),
            ("# legacy", "it is a comment"),
            ("!legacy", "it only excludes"),
            ("./legacy/", "paths have no"),
            ("../other/*.yaml", "paths have no"),
        ] {
            let refused = PathIgnore::new(Path::new("/"), pattern, Vec::new()).err();
            let text = refused.map(|refused| refused.to_string()).unwrap_or_default();
            assert!(text.contains(reason), "{pattern}: {text}");
        }
        for pattern in ["legacy/", ".hidden/", "**/a..b.yaml", "\\#a", "a [b].yaml"] {
            assert!(PathIgnore::new(Path::new("/"), pattern, Vec::new()).is_ok(), "{pattern}");
        }
    }
}
