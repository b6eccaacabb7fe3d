use std::path::Path;

use crate::command::Command;

const CALL: &str = "cargo xtask ";

/// Returns the calls of `cargo xtask` in a document that it would refuse.
pub(super) fn refused(file: &Path, text: &str) -> Vec<String> {
    let mut refused = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for call in line.split(CALL).skip(1) {
            let end =
                call.find(|letter: char| !letter.is_alphanumeric() && letter != '-').unwrap_or(call.len());
            let word = call.get(..end).unwrap_or_default();
            if !word.is_empty() && Command::parse(&[word.to_owned()]).is_err() {
                refused.push(format!("{}:{}: there is no {CALL}{word}", file.display(), number + 1));
            }
        }
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_is_not_there_is_found() {
        let text = "`cargo xtask test`, `cargo xtask ci`\n`cargo xtask bench ping` `cargo xtask tests`, `cargo xtask <command>`\n";
        assert_eq!(refused(Path::new("README.md"), text), ["README.md:2: there is no cargo xtask tests"]);
    }
}
