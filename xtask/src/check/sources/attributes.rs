use proc_macro2::{Delimiter, TokenStream, TokenTree};

const NO_ALLOW: &str = "`allow` hides a lint for ever: `expect` it, with the reason";
const NO_IGNORE: &str = "a test that is ignored without a reason proves nothing: `#[ignore = \"why\"]`";

/// Returns the attributes that hide something, each with its line.
pub(super) fn violations(stream: TokenStream) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    search(stream, &mut found);
    found
}

fn search(stream: TokenStream, found: &mut Vec<(usize, &'static str)>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        if group.delimiter() == Delimiter::Bracket && follows_hash(&tokens, index) {
            judge(group.stream(), found);
        } else {
            search(group.stream(), found);
        }
    }
}

fn follows_hash(tokens: &[TokenTree], index: usize) -> bool {
    let is = |back: usize, wanted: char| {
        let before = index.checked_sub(back).and_then(|place| tokens.get(place));
        matches!(before, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
    };
    is(1, '#') || is(1, '!') && is(2, '#')
}

/// Looks at what an attribute says, and into what a `cfg_attr` would make it say.
fn judge(attribute: TokenStream, found: &mut Vec<(usize, &'static str)>) {
    let tokens: Vec<TokenTree> = attribute.into_iter().collect();
    let next_is = |index: usize, wanted: char| matches!(tokens.get(index + 1), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word)
                if *word == "allow" && matches!(tokens.get(index + 1), Some(TokenTree::Group(_))) =>
            {
                found.push((token.span().start().line, NO_ALLOW));
            }
            TokenTree::Ident(word) if *word == "ignore" && !next_is(index, '=') => {
                found.push((token.span().start().line, NO_IGNORE));
            }
            TokenTree::Group(group) => judge(group.stream(), found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        violations(text.parse().unwrap()).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn what_hides_something_is_found_wherever_it_stands() {
        let text = "#![allow(dead_code)]\nmod a {\n#[cfg_attr(test, allow(unused))]\nfn f() {}\n#[test]\n#[ignore]\nfn t() {}\n}";
        assert_eq!(lines(text), [1, 3, 6]);
    }

    #[test]
    fn what_gives_its_reason_passes() {
        let text = "#[expect(dead_code, reason = \"because\")]\nfn allow() { allow(ignore) }\n#[ignore = \"needs a cluster\"]\nfn t() {}\n// #[allow(x)]\n";
        assert_eq!(lines(text), [0_usize; 0]);
    }
}
