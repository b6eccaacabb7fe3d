use std::path::{Path, PathBuf};

/// A code block of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) document: PathBuf,
    /// The line of the fence before it.
    pub(super) line: usize,
    pub(super) language: String,
    pub(super) text: String,
}

impl Listing {
    /// Returns the code blocks of a document that name their language.
    pub(super) fn all(document: &Path, text: &str) -> Vec<Self> {
        let mut all = Vec::new();
        let mut open: Option<(Self, usize)> = None;
        for (line, content) in (1..).zip(text.lines()) {
            let unindented = content.trim_start();
            match (open.take(), unindented.strip_prefix("```")) {
                (None, Some(info)) => {
                    let language = info.split([',', ' ']).next().unwrap_or_default().to_owned();
                    let listing = Self { document: document.to_owned(), line, language, text: String::new() };
                    open = Some((listing, content.len().saturating_sub(unindented.len())));
                }
                (Some((listing, _)), Some(_)) => {
                    all.extend(Some(listing).filter(|listing| !listing.language.is_empty()));
                }
                // A block in an item of a list is indented as the item is.
                (Some((mut listing, indentation)), None) => {
                    listing.text += content.get(indentation..).unwrap_or_default();
                    listing.text.push('\n');
                    open = Some((listing, indentation));
                }
                (None, None) => {}
            }
        }
        all
    }

    /// Returns the place of the listing, for messages.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.document.display(), self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_with_a_language_is_a_listing_without_its_indentation() {
        let text = "A\n```sh\nls\n```\n\n- item\n\n  ```yaml,ignore\n  a:\n    - b\n\n  ```\n\n```\nno language\n```\n";
        let all = Listing::all(Path::new("a.md"), text);
        let found: Vec<_> = all.iter().map(|one| (one.line, &*one.language, &*one.text)).collect();
        assert_eq!(found, [(2, "sh", "ls\n"), (8, "yaml", "a:\n  - b\n\n")]);
    }
}
