//! Checks that the texts of errors chain, stand alone in a line, and leave advice to hints (STYLE.md, part 1).

use std::error::Error;
use std::iter;

/// The longest text. The arithmetic of an invalid budget is the longest one.
const MAX_LETTERS: usize = 200;

/// Names that are written like the beginning of a sentence.
const NAMES: [&str; 1] = ["Redis"];

/// How advice begins. It belongs to the rustdoc of the variant, and to a hint of the command.
const ADVICE: [&str; 22] = [
    "; add ",
    "; call ",
    "; check ",
    "; choose ",
    "; give ",
    "; install ",
    "; lower ",
    "; make ",
    "; name ",
    "; pass ",
    "; put ",
    "; raise ",
    "; remove ",
    "; see ",
    "; set ",
    "; try ",
    "; use ",
    "; write ",
    ": write ",
    "please ",
    "make sure",
    "?",
];

/// Checks the text of each given error, which are all variants of one type: a variant that is missing does not compile.
///
/// `walk! { Pattern => error; … }`
macro_rules! walk {
    ($($pattern:pat => $($error:expr),+;)+) => {
        for (error, expected) in [$($(($error, stringify!($pattern))),+),+] {
            let variant = match &error {
                $($pattern => stringify!($pattern)),+
            };
            assert_eq!(variant, expected, "the wrong variant was constructed");
            $crate::error_form::check(&error);
        }
    };
}
pub(crate) use walk;

/// Asserts the form of an error's text.
#[track_caller]
pub(crate) fn check(error: &dyn Error) {
    let broken = problems(error);
    assert!(broken.is_empty(), "`{error}` {}", broken.join(", "));
}

/// Returns what is wrong with the text of an error.
pub(super) fn problems(error: &dyn Error) -> Vec<String> {
    let text = error.to_string();
    let mut broken = violations(&text);
    broken.extend(advice(&text));
    broken.extend(repeated_source(&text, error));
    broken
}

/// Returns what is wrong with the text of an error or a hint.
pub(crate) fn violations(text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    if text.trim().is_empty() {
        broken.push("is empty".to_owned());
    }
    if text.trim_end().ends_with(['.', '!']) {
        broken.push("ends with a full stop".to_owned());
    }
    let first: String = text.chars().take_while(|letter| letter.is_alphanumeric()).collect();
    // `TLS`, `RabbitMQ` and `AckIsFinal` are names too.
    let is_sentence = first.starts_with(char::is_uppercase) && !first.chars().skip(1).any(char::is_uppercase);
    if is_sentence && !NAMES.contains(&first.as_str()) {
        broken.push(format!("begins with a capital: `{first}`"));
    }
    if text.contains('\n') {
        broken.push("takes more than a line".to_owned());
    }
    let letters = text.chars().count();
    if letters > MAX_LETTERS {
        broken.push(format!("has {letters} letters, of at most {MAX_LETTERS}"));
    }
    broken
}

fn advice(text: &str) -> Option<String> {
    let advice = ADVICE.iter().find(|advice| text.contains(*advice))?;
    Some(format!("gives advice: `{advice}`"))
}

fn repeated_source(text: &str, error: &dyn Error) -> Option<String> {
    let mut sources = iter::successors(error.source(), |&source| source.source()).map(ToString::to_string);
    sources
        .find(|source| text.contains(source))
        .map(|source| format!("shows `{source}`, which `source()` returns as well"))
}
