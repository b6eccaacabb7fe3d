use crate::input::Source;

/// Returns whether a source has the name of a Dockerfile.
pub(crate) fn has_name(source: &Source) -> bool {
    let name = file_name(source);
    ["dockerfile", "containerfile"].iter().any(|word| {
        name == *word
            || name.strip_prefix(word).is_some_and(|rest| rest.starts_with(['.', '-', '_']))
            || name.ends_with(&format!(".{word}"))
    })
}

/// Returns whether a source that is none was meant to be a Dockerfile. In a folder, files such as `Dockerfile.md` may be about one.
pub(crate) fn is_meant(source: &Source) -> bool {
    let name = file_name(source);
    let is_whole = |word: &&str| name == **word || name.ends_with(&format!(".{word}"));
    if source.is_required() { has_name(source) } else { ["dockerfile", "containerfile"].iter().any(is_whole) }
}

fn file_name(source: &Source) -> String {
    source.name().rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase()
}

/// Returns whether a source is a Dockerfile: by its name, or without another file's ending by its first instruction.
pub(crate) fn is_dockerfile(source: &Source) -> bool {
    let first = source
        .text()
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .unwrap_or_default();
    let keyword = first.split_whitespace().next().unwrap_or_default();
    let begins = keyword.eq_ignore_ascii_case("FROM") || keyword.eq_ignore_ascii_case("ARG");
    begins && (has_name(source) || !file_name(source).contains('.'))
}

/// Returns whether a source is a shell script, which an entry point may be.
pub(crate) fn is_script(source: &Source) -> bool {
    is_script_text(source.text())
}

/// Returns whether a text begins as a shell script does.
pub(crate) fn is_script_text(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.starts_with("#!")
        && ["sh", "bash", "dash", "ash"]
            .iter()
            .any(|shell| first.split(['/', ' ']).any(|word| word == *shell))
}
