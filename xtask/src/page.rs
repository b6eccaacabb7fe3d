//! `cargo xtask page`: the page of a rehearsal with 400,000 requests in a headless browser.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::failure::Failure;
use crate::shell;
use crate::test::tools;

/// Where the page and its pictures are.
const FOLDER: &str = "target/page";
/// The test that writes the page.
const WRITER: &str = "test(/html::tests::a_page_with_400_000_requests/)";
/// A desk, a tablet and a phone.
const SIZES: [(&str, &str); 3] = [("desk", "1440,900"), ("tablet", "820,1180"), ("phone", "390,844")];
/// What the browser calls a preference for dark and for light colours.
const SCHEMES: [(&str, &str, bool); 2] = [("dark", "0", true), ("light", "1", false)];

/// Collects the errors and warnings of the page, before its own scripts run.
const COLLECT: &str = "<head><script>
window.faults = [];
const fault = (what) => window.faults.push(String(what));
addEventListener('error', (event) => fault(event.message));
addEventListener('unhandledrejection', (event) => fault(event.reason));
addEventListener('securitypolicyviolation', (event) => fault(event.violatedDirective));
console.error = fault;
console.warn = fault;
</script>";
const REPORT: &str = include_str!("page.js");

/// What the page was in the browser.
#[derive(Debug, Deserialize)]
struct Seen {
    /// Errors and warnings.
    faults: Vec<String>,
    /// Elements that reach beyond the right edge, and do not scroll.
    wide: Vec<String>,
    /// The width of the window and that of the document.
    width: u32,
    scrolled: u32,
    /// How many colours the timeline has.
    colours: u32,
    dark: bool,
    /// The rows of the table of failures.
    failures: u32,
}

/// Shows the page at each size in each scheme.
///
/// # Errors
///
/// When the page or the browser is missing, or something is wrong with the page.
pub(crate) fn run() -> Result<(), Failure> {
    let browser = tools::find_or_install("chromium-headless-shell", "chromium-headless-shell")?;
    fs::create_dir_all(FOLDER).map_err(Failure::io(format!("create {FOLDER}")))?;
    let folder = fs::canonicalize(FOLDER).map_err(Failure::io(format!("find {FOLDER}")))?;
    let page = folder.join("page.html");
    let mut write =
        shell::cargo(&["nextest", "run", "--workspace", "--all-features", "--bin", "ebbtide", "-E", WRITER]);
    shell::run(write.env("EBBTIDE_PAGE", &page))?;
    let text = fs::read_to_string(&page).map_err(Failure::io(format!("read {}", page.display())))?;
    let probed = folder.join("probed.html");
    fs::write(&probed, with_probe(&text)).map_err(Failure::io(format!("write {}", probed.display())))?;
    let mut wrong = Vec::new();
    for (name, size) in SIZES {
        for (scheme, preference, dark) in SCHEMES {
            let picture = folder.join(format!("{name}-{scheme}.png"));
            shell::output(show(&browser, size, preference, &page).arg(option("screenshot", &picture)))?;
            let document = shell::output(show(&browser, size, preference, &probed).arg("--dump-dom"))?;
            let found = match seen(&document) {
                Some(seen) => faults(&seen, dark),
                None => vec!["the page reported nothing".to_owned()],
            };
            shell::say(&format!("{name} {scheme}: {}", picture.display()));
            wrong.extend(found.into_iter().map(|fault| format!("{name}, {scheme}: {fault}")));
        }
    }
    Failure::unless_empty("the page of a rehearsal", wrong)
}

fn show(browser: &Path, size: &str, preference: &str, page: &Path) -> Command {
    let mut command = Command::new(browser);
    // The page is our own: as root, the browser has no sandbox.
    command.args(["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=10000"]);
    command.arg(format!("--blink-settings=preferredColorScheme={preference}"));
    command.arg(format!("--window-size={size}"));
    command.arg(format!("file://{}", page.display()));
    command
}

fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// Returns the page with scripts that watch and use it.
fn with_probe(page: &str) -> String {
    let watched = page.replacen("<head>", COLLECT, 1);
    watched.replacen("</body>", &format!("<script>{REPORT}</script></body>"), 1)
}

/// Returns what the page reported in the attribute of its document.
fn seen(document: &str) -> Option<Seen> {
    let (report, _) = document.split_once("data-report=\"")?.1.split_once('"')?;
    let report =
        report.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&report).ok()
}

/// Returns what is wrong with the page.
fn faults(seen: &Seen, dark: bool) -> Vec<String> {
    let mut found = seen.faults.clone();
    found.extend(seen.wide.iter().map(|element| format!("{element} reaches beyond the right edge")));
    if seen.scrolled > seen.width {
        found.push(format!("the document is {} wide in a window of {}", seen.scrolled, seen.width));
    }
    // An empty canvas has one.
    if seen.colours < 10 {
        found.push(format!("the timeline has {} colours", seen.colours));
    }
    if seen.dark != dark {
        found.push("the browser ignores the scheme".to_owned());
    }
    if seen.failures == 0 {
        found.push("the table of failures is empty".to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "{&quot;faults&quot;:[],&quot;wide&quot;:[],&quot;width&quot;:390,&quot;scrolled&quot;:390,\
                        &quot;colours&quot;:119,&quot;dark&quot;:true,&quot;failures&quot;:17}";

    fn wrong(report: &str) -> Vec<String> {
        faults(&seen(&format!("<html data-report=\"{report}\">")).unwrap(), true)
    }

    #[test]
    fn a_page_without_faults_passes() {
        assert_eq!(wrong(GOOD), [""; 0]);
        assert!(seen("<html>").is_none());
    }

    #[test]
    fn each_fault_of_a_page_is_named() {
        for (part, by, fault) in [
            ("faults&quot;:[]", "faults&quot;:[&quot;a &lt; b&quot;]", "a < b"),
            ("wide&quot;:[]", "wide&quot;:[&quot;pre&quot;]", "pre reaches beyond the right edge"),
            ("scrolled&quot;:390", "scrolled&quot;:400", "the document is 400 wide in a window of 390"),
            ("colours&quot;:119", "colours&quot;:1", "the timeline has 1 colours"),
            ("dark&quot;:true", "dark&quot;:false", "the browser ignores the scheme"),
            ("failures&quot;:17", "failures&quot;:0", "the table of failures is empty"),
        ] {
            assert_eq!(wrong(&GOOD.replace(part, by)), [fault]);
        }
    }

    #[test]
    fn the_probe_is_in_the_page() {
        let page = with_probe("<html><head></head><body><p></body></html>");
        assert!(page.contains("<head><script>") && page.contains("dataset.report"), "{page}");
        assert!(page.ends_with("</script></body></html>"), "{page}");
    }
}
