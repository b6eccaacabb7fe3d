//! The page is complete in itself, says what the JSON says, and stays small enough for a browser.

use std::collections::HashMap;
use std::process::{Command, Stdio};

use ebbtide_rehearse::samples::{busy, rehearsal, scenario};
use ebbtide_rehearse::{CheckId, News, RehearsalVerdict, replay};
use html5ever::{ParseOpts, tendril::TendrilSink};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use serde_json::Value;

use super::*;
use crate::output::json;
use crate::output::judgement::Judgement;

/// A page of one run with `count` requests, and its JSON.
fn page(count: u64) -> (String, Value) {
    let (rehearsal, gallery) = judged(count);
    shown(&rehearsal, &gallery, "./service")
}

fn judged(count: u64) -> (RehearsalVerdict, Gallery) {
    let record = recorded(count);
    let mut gallery = Gallery::new(true);
    let replayed = replay(record.as_slice(), &mut |news: News<'_>| gallery.add(&news)).unwrap();
    (replayed.rehearsal, gallery)
}

fn recorded(count: u64) -> Vec<u8> {
    use ebbtide_rehearse::{Facts, RECORD_VERSION, RecordHeader, Recorder, Verdict};
    let (record, terms) = busy(count);
    let header = RecordHeader {
        version: RECORD_VERSION,
        program: String::new(),
        command: String::new(),
        seed: 1,
        repeat: 1,
        strict: false,
    };
    let mut out = Vec::new();
    let mut recorder = Recorder::new(&mut out, &header).unwrap();
    recorder.write(&record, &terms, Verdict::Fail, &Facts::default()).unwrap();
    recorder.finish(Verdict::Fail).unwrap();
    out
}

fn shown(rehearsal: &RehearsalVerdict, gallery: &Gallery, command: &str) -> (String, Value) {
    let judgement =
        Judgement { command: command.to_owned(), gallery, ..Judgement::new(&scenario(), rehearsal, gallery) };
    let (mut page, mut object) = (Vec::new(), Vec::new());
    write(&mut page, &judgement).unwrap();
    json::write(&mut object, &judgement).unwrap();
    (String::from_utf8(page).unwrap(), serde_json::from_slice(&object).unwrap())
}

/// A parsed page: its elements in order, and what the parser complained of.
struct Parsed {
    elements: Vec<Element>,
    errors: Vec<String>,
}

struct Element {
    name: String,
    attributes: HashMap<String, String>,
    text: String,
}

impl Parsed {
    fn of(page: &str) -> Self {
        let dom = html5ever::parse_document(RcDom::default(), ParseOpts::default()).one(page);
        let errors = dom.errors.borrow().iter().map(ToString::to_string).collect();
        let mut elements = Vec::new();
        collect(&dom.document, &mut elements);
        Self { elements, errors }
    }

    /// Returns the text of each element with this name and, unless it is empty, this class.
    fn texts(&self, name: &str, class: &str) -> Vec<&str> {
        let has = |element: &&Element| {
            let classes = element.attributes.get("class").map_or("", String::as_str);
            element.name == name && (class.is_empty() || classes.split(' ').any(|known| known == class))
        };
        self.elements.iter().filter(has).map(|element| element.text.as_str()).collect()
    }
}

fn collect(node: &Handle, elements: &mut Vec<Element>) {
    if let NodeData::Element { name, attrs, .. } = &node.data {
        let pair = |found: &html5ever::Attribute| (found.name.local.to_string(), found.value.to_string());
        let (attributes, text) = (attrs.borrow().iter().map(pair).collect(), text(node));
        elements.push(Element { name: name.local.to_string(), attributes, text });
    }
    node.children.borrow().iter().for_each(|child| collect(child, elements));
}

fn text(node: &Handle) -> String {
    match &node.data {
        NodeData::Text { contents } => contents.borrow().to_string(),
        _ => node.children.borrow().iter().map(text).collect(),
    }
}

#[test]
fn the_page_is_valid_html_without_a_reference_to_another_file() {
    let (text, _) = page(500);
    let page = Parsed::of(&text);
    assert_eq!(page.errors, [""; 0], "parse errors");
    for attribute in ["src", "href", "srcset", "action", "poster", "background"] {
        assert!(
            page.elements.iter().all(|element| !element.attributes.contains_key(attribute)),
            "{attribute}"
        );
    }
    // A hint names an address for people to read.
    let active = text.replace("http://HOST:PORT/PATH", "");
    for outside in
        ["http://", "https://", "url(", "@import", "//#", "fetch(", "XMLHttpRequest", "WebSocket", "import("]
    {
        assert!(!active.contains(outside), "{outside}");
    }
    assert!(text.contains("default-src 'none'"));
}

#[test]
fn the_page_has_the_numbers_of_the_json() {
    let (text, json) = page(5_000);
    let page = Parsed::of(&text);
    let said = page.texts("div", "verdict").concat();
    assert!(json["verdict"] == "fail" && said.starts_with("FAIL"), "{said}");
    let lost = ebbtide_rehearse::words::count(json["lost_by_shutdown"].as_u64().unwrap());
    assert!(said.contains(&format!("({lost} of ")), "{said}");
    let checks = json["checks"].as_array().unwrap();
    assert_eq!(page.texts("td", "evidence").len(), checks.len());
    for check in checks {
        let hint = check["hint"].as_str().map(|hint| format!("hint: {hint}"));
        let shown = check["evidence"].as_str().unwrap().to_owned() + hint.as_deref().unwrap_or_default();
        assert!(page.texts("td", "evidence").contains(&shown.as_str()), "{check}");
    }
    assert!(checks.iter().any(|check| check["hint"].is_string()));
    let failed = checks.iter().filter(|check| check["verdict"] == "fail");
    assert!(failed.clone().count() > 0);
    for check in failed {
        assert!(
            page.texts("li", "fail").iter().any(|text| text.contains(check["id"].as_str().unwrap())),
            "{check}"
        );
    }
    let route = &json["runs"][0]["routes"][0];
    let row = page.texts("td", "n");
    for (cell, count) in
        [(0, &route["before"]["answered"]), (3, &route["after"]["answered"]), (6, &route["after"]["lost"])]
    {
        assert_eq!(row[cell], ebbtide_rehearse::words::count(count.as_u64().unwrap()), "cell {cell}");
    }
}

/// The script unpacks every request again, and counts as the JSON does.
#[test]
fn the_timeline_has_every_request_of_the_json() {
    let (text, json) = page(5_000);
    let data = Parsed::of(&text).texts("script", "")[0].to_owned();
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("count.js");
    let program = format!(
        "{}\nconst page = JSON.parse(require('fs').readFileSync(0, 'utf8'));\n{}",
        include_str!("data.js"),
        "const run = page.runs[0], requests = unpack(run);
        const all = select(run, requests, { hidden: new Set(), shape: '', route: '' });
        const names = page.classes.map(([name]) => name);
        const sums = endedPerColumn(run, requests, all, names, run.from, run.to, 700).map((list) => list.reduce((a, b) => a + b));
        const none = select(run, requests, { hidden: new Set(['answered', 'refused']), shape: 'storm', route: 'GET /' });
        console.log(JSON.stringify({ counts: countByClass(run, requests), sums, few: none.indices.length,
            most: Math.max(...inFlight(requests, all, run.from, run.to, 700)), last: requests.id[run.count - 1],
            rows: rows(requests, all, run.from, run.to, 10), bars: rows(requests, none, run.from, run.to, 1e6).bars.length }));"
    );
    std::fs::write(&script, program).unwrap();
    let mut node = Command::new("node");
    let mut node = node
        .arg(&script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`node` runs the script");
    std::io::Write::write_all(&mut node.stdin.take().unwrap(), data.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let requests = &json["requests"];
    for (class, field) in [("answered", "answered"), ("refused", "refused"), ("lost", "lost")] {
        assert!(requests[field].as_u64() > Some(0), "{field}");
        assert_eq!(seen["counts"][class], requests[field], "{class}");
    }
    let sums = seen["sums"].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>();
    assert_eq!(Some(sums), requests["sent"].as_u64());
    assert_eq!((&seen["few"], &seen["bars"]), (&requests["lost"], &requests["lost"]));
    let counts = json["runs"][0]["timeline"]["in_flight"]["counts"].as_array().unwrap();
    assert_eq!(seen["most"].as_u64(), counts.iter().filter_map(Value::as_u64).max());
    assert_eq!((&seen["last"], &seen["rows"]), (&Value::from(5_000), &Value::Null));
}

#[test]
fn text_of_the_service_cannot_become_a_part_of_the_page() {
    let odd = "</script><script>alert(1)</script><img src=x onerror=alert(1)>";
    let (mut rehearsal, gallery) = judged(100);
    rehearsal.runs[0].facts.output_tail = vec![odd.to_owned()];
    let answered = rehearsal.checks.iter_mut().find(|check| check.id == CheckId::RequestsAnswered);
    answered.unwrap().evidence = odd.to_owned();
    let (text, _) = shown(&rehearsal, &gallery, odd);
    let page = Parsed::of(&text);
    assert_eq!((page.texts("script", "").len(), page.texts("img", "").len()), (3, 0));
    assert_eq!(page.texts("pre", ""), [odd]);
}

#[test]
fn a_page_without_pictures_has_the_tables() {
    let rehearsal = rehearsal();
    let (text, _) = shown(&rehearsal, &Gallery::default(), "./service");
    let page = Parsed::of(&text);
    assert_eq!(page.texts("canvas", "").len(), 0);
    let rows = page.elements.iter().filter(|element| element.attributes.contains_key("data-run"));
    assert_eq!(rows.count(), 2);
}

/// Less than 10 bytes for each request, of which a run has 400,000 at most by default.
#[test]
fn a_page_with_400_000_requests_has_at_most_4_megabytes() {
    let (record, terms) = busy(400_000);
    let gallery = Gallery::of_one(&record, &terms);
    let (text, _) = shown(&rehearsal(), &gallery, "./service");
    assert_eq!(gallery.pictures()[0].count, 400_000);
    assert!(text.len() < 4_000_000, "{} bytes", text.len());
    assert!(text.len() > 400_000 * 5, "{} bytes: each request is there", text.len());
    // `cargo xtask page` shows it in a browser.
    if let Some(file) = std::env::var_os("EBBTIDE_PAGE") {
        std::fs::write(file, text).unwrap();
    }
}
