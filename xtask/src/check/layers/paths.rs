use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path into the checked crate, from its root, and its line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CratePath {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
}

/// Returns every path that begins with `crate`, `super` or `self` in the file of the module `module`: in imports, code, types and
/// macros.
pub(super) fn paths(stream: TokenStream, module: &[String]) -> Vec<CratePath> {
    let mut found = Vec::new();
    search(&stream.into_iter().collect::<Vec<_>>(), module, &mut found);
    found
}

fn search(tokens: &[TokenTree], module: &[String], found: &mut Vec<CratePath>) {
    let mut rest = tokens;
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            TokenTree::Ident(word) if *word == "mod" => {
                // The tokens after an inline module's name belong to that module.
                if let [TokenTree::Ident(name), TokenTree::Group(body), beyond @ ..] = after {
                    let inner: Vec<String> = module.iter().cloned().chain([name.to_string()]).collect();
                    search(&body.stream().into_iter().collect::<Vec<_>>(), &inner, found);
                    rest = beyond;
                }
            }
            TokenTree::Ident(word) => {
                if let (Some(start), Some(beyond)) = (start(&word.to_string(), module), after_colons(after)) {
                    rest = follow(start, beyond, found);
                }
            }
            TokenTree::Group(group) => search(&group.stream().into_iter().collect::<Vec<_>>(), module, found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Returns the path that a first word stands for, or `None` for a path into another crate.
fn start(word: &str, module: &[String]) -> Option<Vec<String>> {
    match word {
        "crate" => Some(Vec::new()),
        "self" => Some(module.to_vec()),
        "super" => module.split_last().map(|(_, parent)| parent.to_vec()),
        _ => None,
    }
}

/// Follows a path behind its `::`, into every branch of an import. Returns the tokens after it.
fn follow<'t>(
    mut path: Vec<String>,
    mut rest: &'t [TokenTree],
    found: &mut Vec<CratePath>,
) -> &'t [TokenTree] {
    let line = rest.first().map_or(0, |token| token.span().start().line);
    loop {
        match rest {
            [TokenTree::Ident(word), after @ ..] => {
                match word.to_string().as_str() {
                    "super" => drop(path.pop()),
                    "self" => {}
                    word => path.push(word.to_owned()),
                }
                match after_colons(after) {
                    Some(beyond) => rest = beyond,
                    None => {
                        found.push(CratePath { path, line });
                        return after;
                    }
                }
            }
            [TokenTree::Group(group), after @ ..] if group.delimiter() == Delimiter::Brace => {
                let branches: Vec<TokenTree> = group.stream().into_iter().collect();
                for branch in branches.split(is_comma).filter(|branch| !branch.is_empty()) {
                    follow(path.clone(), branch, found);
                }
                return after;
            }
            [TokenTree::Punct(star), after @ ..] if star.as_char() == '*' => {
                path.push("*".to_owned());
                found.push(CratePath { path, line });
                return after;
            }
            // A generic argument, as in `self::Thing::<T>`: the caller searches its tokens separately.
            rest => {
                found.push(CratePath { path, line });
                return rest;
            }
        }
    }
}

fn after_colons(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    match tokens {
        [TokenTree::Punct(one), TokenTree::Punct(two), rest @ ..]
            if one.as_char() == ':' && two.as_char() == ':' =>
        {
            Some(rest)
        }
        _ => None,
    }
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As seen from the module `drain::stop`.
    fn named(text: &str) -> Vec<String> {
        let module = ["drain".to_owned(), "stop".to_owned()];
        paths(text.parse().unwrap(), &module).into_iter().map(|named| named.path.join("::")).collect()
    }

    #[test]
    fn every_branch_of_an_import_is_followed() {
        let text = "use crate::{model::{Phase, cause::Cause as C}, runtime::*, self};\nuse super::Tracker;\nuse std::fmt;";
        let expected = ["model::Phase", "model::cause::Cause", "runtime::*", "", "drain::Tracker"];
        assert_eq!(named(text), expected);
    }

    #[test]
    fn paths_in_code_in_types_and_in_macros_count_too() {
        let text = "fn f(x: &crate::http::Server) { m!(crate::health::<T>::serve); super::super::runtime::go(); self.x; }";
        assert_eq!(named(text), ["http::Server", "health", "runtime::go"]);
    }

    #[test]
    fn an_inline_module_is_one_level_deeper() {
        assert_eq!(
            named("mod tests { use super::*; use super::super::gate::Gate; }"),
            ["drain::stop::*", "drain::gate::Gate"]
        );
    }

    #[test]
    fn comments_and_strings_are_not_paths() {
        assert_eq!(named("// crate::http\n/// crate::http\nfn f() { g(\"crate::http\"); }"), [""; 0]);
    }
}
