//! The characters of XML.

/// Returns `document` with each character that XML 1.0 forbids replaced: most control characters, U+FFFE and U+FFFF. Not even a
/// reference may name them.
pub(crate) fn permitted(document: &str) -> String {
    let is_forbidden = |letter: char| match letter {
        '\t' | '\n' | '\r' => false,
        letter => letter < ' ' || matches!(letter, '\u{fffe}' | '\u{ffff}'),
    };
    document.replace(is_forbidden, "\u{fffd}")
}
