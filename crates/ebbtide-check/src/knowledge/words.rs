use std::ops::Range;

/// Splits a command line into words by quotes and backslashes, as Compose and systemd do. No shell runs: `;` and `|` are words.
pub(crate) fn split_words(text: &str) -> Vec<String> {
    split_words_at(text).into_iter().map(|(word, _)| word).collect()
}

/// Does the same, and returns where each word is in the text, with its quotes.
pub(crate) fn split_words_at(text: &str) -> Vec<(String, Range<usize>)> {
    let mut words = Vec::new();
    let mut word: Option<(String, usize)> = None;
    let mut quote = None;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        if quote.is_none() && letter.is_whitespace() {
            words.extend(word.take().map(|(word, start)| (word, start..at)));
            continue;
        }
        let (word, _) = word.get_or_insert_with(|| (String::new(), at));
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            ('\\', None | Some('"')) => word.extend(letters.next().map(|(_, letter)| letter)),
            (_, Some(_)) => word.push(letter),
            ('\'' | '"', None) => quote = Some(letter),
            _ => word.push(letter),
        }
    }
    words.extend(word.map(|(word, start)| (word, start..text.len())));
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

    #[test]
    fn a_word_has_its_place_with_its_quotes() {
        let text = r#" a "b c"d  e\ f "#;
        let found = split_words_at(text).into_iter().map(|(_, place)| &text[place]);
        assert_eq!(found.collect::<Vec<_>>(), ["a", r#""b c"d"#, r"e\ f"]);
    }
}
