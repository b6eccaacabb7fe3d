use std::path::Path;

/// What is named from the root in `code`, so that a path can be told from other words with a slash.
const FOLDERS: [&str; 7] = ["crates/", "demo/", "docs/", "e2e/", "bench/", "xtask/", ".ci/"];

/// Returns the links and the paths in `code` of a Markdown file that lead nowhere.
pub(super) fn missing(file: &Path, text: &str) -> Vec<String> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut missing = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let links = between(line, "](", ")").into_iter().filter(|target| !target.contains("://"));
        let links = links.filter_map(|target| target.split('#').next()).filter(|target| !target.is_empty());
        let linked = links.filter(|target| !folder.join(target).exists());
        let named =
            between(line, "`", "`").into_iter().filter(|word| is_path(word) && !Path::new(word).exists());
        missing.extend(
            linked
                .chain(named)
                .map(|place| format!("{}:{}: {place} is not there", file.display(), number + 1)),
        );
    }
    missing
}

fn is_path(word: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-".contains(letter);
    FOLDERS.iter().any(|folder| word.starts_with(folder)) && word.chars().all(plain)
}

fn between<'t>(line: &'t str, open: &str, close: &str) -> Vec<&'t str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((inside, after)) = rest.split_once(open).and_then(|(_, opened)| opened.split_once(close)) {
        found.push(inside);
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_nowhere_is_found() {
        let text = "[a](gone.md#there) `e2e/gone.rs`\n`x` [b](https://example.org/gone) `docs/…` `cargo run` [c](#here)\n";
        let missing = missing(Path::new("README.md"), text);
        assert_eq!(missing, ["README.md:1: gone.md is not there", "README.md:1: e2e/gone.rs is not there"]);
    }
}
