//! Names that resemble a word which is none.

/// The most names that are suggested.
const MOST: usize = 3;

/// Returns a hint with the names of checks and rules that a word resembles, and how to list all.
pub(crate) fn nearest(word: &str, names: impl Iterator<Item = &'static str>) -> String {
    let word = word.to_ascii_lowercase();
    // Half of the letters may be wrong, so that an id of four letters has its neighbours.
    let most = word.chars().count() / 2;
    let mut found: Vec<(usize, &str)> = names
        .map(|name| {
            let lower = name.to_ascii_lowercase();
            let is_part = word.len() > 2 && lower.contains(&word);
            (if is_part { 0 } else { strsim::damerau_levenshtein(&word, &lower) }, name)
        })
        .filter(|(distance, _)| *distance <= most)
        .collect();
    // Names of one distance stay in their order.
    found.sort_by_key(|(distance, _)| *distance);
    let found: Vec<String> = found.into_iter().take(MOST).map(|(_, name)| format!("`{name}`")).collect();
    let all = "`ebbtide explain` lists all names";
    if found.is_empty() { all.to_owned() } else { format!("similar: {}; {all}", found.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first_and_a_word_that_resembles_none_has_none() {
        let names = ["K001", "K009", "budget-overrun", "exit-code", "exit-in-time"];
        let hint = |word: &str| nearest(word, names.into_iter());
        assert_eq!(hint("k0o1"), "similar: `K001`, `K009`; `ebbtide explain` lists all names");
        assert_eq!(hint("budget"), "similar: `budget-overrun`; `ebbtide explain` lists all names");
        assert_eq!(hint("exit-cod"), "similar: `exit-code`; `ebbtide explain` lists all names");
        for word in ["", "zzzzzz", "Q"] {
            assert_eq!(hint(word), "`ebbtide explain` lists all names", "{word}");
        }
    }
}
