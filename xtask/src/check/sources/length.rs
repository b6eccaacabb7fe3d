/// One idea does not take more lines.
const MOST: usize = 400;

/// Tells when a file is too long.
pub(super) fn violation(text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MOST).then(|| format!("{lines} lines, of at most {MOST}: what is the second idea in here?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_hundred_lines_pass_and_one_more_does_not() {
        assert_eq!(violation(&"\n".repeat(MOST)), None);
        assert!(violation(&"\n".repeat(MOST + 1)).is_some());
    }
}
