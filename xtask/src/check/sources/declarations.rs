use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Returns the line of the first item that is not a declaration of a module or a re-export.
pub(super) fn violation(stream: TokenStream) -> Option<usize> {
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let line = token.span().start().line;
        match &token {
            // An attribute or a document comment, inner or outer.
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                tokens.next_if(|next| matches!(next, TokenTree::Punct(punct) if punct.as_char() == '!'));
                tokens.next();
            }
            TokenTree::Ident(word) if *word == "pub" => {
                tokens.next_if(is_parenthesised);
            }
            TokenTree::Ident(word) if *word == "mod" || *word == "use" || *word == "extern" => {
                let is_use = *word == "use";
                loop {
                    match tokens.next() {
                        Some(TokenTree::Punct(punct)) if punct.as_char() == ';' => break,
                        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace && !is_use => {
                            return Some(line);
                        }
                        Some(_) => {}
                        None => return Some(line),
                    }
                }
            }
            _ => return Some(line),
        }
    }
    None
}

fn is_parenthesised(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(text: &str) -> Option<usize> {
        violation(text.parse().unwrap())
    }

    #[test]
    fn declarations_and_re_exports_pass() {
        let text = "//! What it is.\n#![warn(x)]\nmod a;\n#[cfg(test)]\nmod b;\npub(crate) mod c;\n/// Doc.\npub use a::{A, b::*};\nuse c::C as D;\n";
        assert_eq!(line_of(text), None);
    }

    #[test]
    fn anything_else_is_found() {
        for item in ["fn f() {}", "pub struct S;", "mod m { }", "impl A {}", "const X: u8 = 1;", "m!();"] {
            assert_eq!(line_of(&format!("mod a;\n{item}\n")), Some(2), "{item}");
        }
    }
}
