/// Splits a command line into words by quotes and backslashes, as Compose and systemd do. No shell runs: `;` and `|` are words.
pub(crate) fn split_words(text: &str) -> Vec<String> {
    let (mut words, mut word): (Vec<String>, Option<String>) = (Vec::new(), None);
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(letters.next()),
            (_, Some(_)) => word.get_or_insert_default().push(letter),
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            _ if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_keep_words_together() {
        assert_eq!(split_words(r#"sh -c "a; b" 'c d' e\ f ''"#), ["sh", "-c", "a; b", "c d", "e f", ""]);
        assert_eq!(split_words("  "), [""; 0]);
    }
}
