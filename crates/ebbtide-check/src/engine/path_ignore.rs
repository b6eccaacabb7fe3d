use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::check::means;
use crate::findings::Rule;

/// Rules that do not run for some files.
#[derive(Clone, Debug)]
pub struct PathIgnore {
    matcher: Gitignore,
    /// Ids, names or prefixes of the rules.
    pub(super) rules: Vec<String>,
}

/// The text is not a pattern of paths.
#[derive(Debug, thiserror::Error)]
#[error("invalid pattern `{pattern}`")]
pub struct InvalidPattern {
    pattern: String,
    source: ignore::Error,
}

impl PathIgnore {
    /// Creates one for the files that `pattern` matches, as in a `.gitignore` in the folder `root`, an absolute path.
    ///
    /// # Errors
    ///
    /// Returns an error if the pattern is not valid.
    pub fn new(root: &Path, pattern: &str, rules: Vec<String>) -> Result<Self, InvalidPattern> {
        let invalid = |source| InvalidPattern { pattern: pattern.to_owned(), source };
        let mut builder = GitignoreBuilder::new(root);
        builder.add_line(None, pattern).map_err(invalid)?;
        Ok(Self { matcher: builder.build().map_err(invalid)?, rules })
    }

    /// Returns whether a rule does not run for a file.
    pub(super) fn covers(&self, name: &str, rule: &Rule) -> bool {
        let Ok(path) = std::path::absolute(name) else { return false };
        let Ok(inside) = path.strip_prefix(self.matcher.path()) else { return false };
        self.rules.iter().any(|word| means(word, rule))
            && self.matcher.matched_path_or_any_parents(inside, false).is_ignore()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            InvalidPattern { .. } => PathIgnore::new(Path::new("/"), "[z-a]", Vec::new()).unwrap_err();
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
}
