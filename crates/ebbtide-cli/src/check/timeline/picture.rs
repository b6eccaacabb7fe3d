//! A timeline as SVG, with its own background, so that it can be read on any page.

use ebbtide_check::{SpanKind, Timeline, TimelineRow, TimelineSpan, Timelines};
use maud::{Markup, PreEscaped, html};

use super::axis::{Axis, show};

const WIDTH: f64 = 960.0;
/// The left end of the axis, and its length.
const LEFT: f64 = 210.0;
const LENGTH: f64 = 710.0;
const TITLE: f64 = 40.0;
const ROW: f64 = 34.0;
const BAR: f64 = 20.0;
const SCALE: f64 = 40.0;
const LEGEND: f64 = 60.0;
/// The width of a letter, at most.
const LETTER: f64 = 7.0;

/// The longest name that fits beside the axis.
const NAME: usize = 27;

/// What comes after SIGKILL is hatched too, since colours alone do not reach every reader.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1b2430}.title{font-weight:600;font-size:15px}.dim{fill:#5b6673;font-size:12px}\
.inside{fill:#fff;font-size:12px}.dark{fill:#1b2430;font-size:12px}.grid{stroke:#e3e7ec}.signal{stroke:#1b2430;stroke-width:2}\
.kill{stroke:#b3151f;stroke-width:2}.prestop{fill:#e3b341}.lameduck{fill:#54a3e8}\
.drain{fill:#1f64b4}.margin{fill:#aab4c0}.unknown{fill:#f3f5f7;stroke:#8793a1;stroke-dasharray:4 3}.traffic{fill:#c79bd8}\
.deregistration{fill:#7d4f94}.late{fill:#d0323c}.hatch{stroke:#fff;stroke-width:2;opacity:.55}";

/// Returns one picture with every timeline, one below the other.
pub(super) fn all(timelines: &Timelines) -> Markup {
    let mut top = 0.0;
    let placed: Vec<(f64, &Timeline)> = timelines
        .all
        .iter()
        .map(|timeline| {
            let at = top;
            top += height(timeline);
            (at, timeline)
        })
        .collect();
    html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(WIDTH) height=(top + LEGEND) viewBox={ "0 0 " (WIDTH) " " (top + LEGEND) } role="img" {
            title { "Shutdowns on a time axis" }
            (definitions())
            @for (at, timeline) in placed {
                g transform={ "translate(0 " (at) ")" } { (body(timeline)) }
            }
            g transform={ "translate(0 " (top) ")" } { (legend()) }
        }
    }
}

/// Returns the picture of one timeline, for a page that has the definitions once.
pub(super) fn one(timeline: &Timeline) -> Markup {
    html! {
        svg width=(WIDTH) height=(height(timeline)) viewBox={ "0 0 " (WIDTH) " " (height(timeline)) } role="img" aria-label=(timeline.subject) {
            (body(timeline))
        }
    }
}

/// Returns the definitions and the legend as a picture.
pub(super) fn legend_alone() -> Markup {
    html! {
        svg width=(WIDTH) height=(LEGEND) viewBox={ "0 0 " (WIDTH) " " (LEGEND) } role="img" aria-label="Legend" {
            (definitions())
            (legend())
        }
    }
}

fn definitions() -> Markup {
    html! {
        style { (PreEscaped(STYLE)) }
        defs { pattern #hatch width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
            line .hatch x1="0" y1="0" x2="0" y2="8" {}
        } }
        rect width="100%" height="100%" fill="#fff" {}
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn height(timeline: &Timeline) -> f64 {
    TITLE + ROW * timeline.rows.len() as f64 + SCALE
}

fn body(timeline: &Timeline) -> Markup {
    let axis = Axis::to(timeline.end());
    let bottom = height(timeline) - SCALE;
    let tops = std::iter::successors(Some(TITLE), |top| Some(top + ROW));
    html! {
        rect width=(WIDTH) height=(height(timeline)) fill="#fff" {}
        text .title x="16" y="26" { (timeline.subject) }
        @for mark in axis.marks() {
            line .grid x1=(x(axis, mark)) x2=(x(axis, mark)) y1=(TITLE) y2=(bottom) {}
            text .dim x=(x(axis, mark)) y=(bottom + 16.0) text-anchor="middle" { (show(mark)) }
        }
        @for (row, top) in timeline.rows.iter().zip(tops) { (bars(row, axis, top)) }
    }
}

fn bars(row: &TimelineRow, axis: Axis, top: f64) -> Markup {
    let name: String = row.name.chars().take(NAME).collect();
    let bar = top + (ROW - BAR) / 2.0;
    let text = bar + BAR - 5.0;
    html! {
        text x="16" y=(text) { (name) title { (row.name) } }
        @for span in &row.spans { (part(span, row, axis, bar)) }
        @if let Some(signal) = row.signal {
            line .signal x1=(x(axis, signal)) x2=(x(axis, signal)) y1=(bar - 4.0) y2=(bar + BAR + 4.0) { title { "signal at " (show(signal)) } }
        }
        @if let Some(kill) = row.kill {
            line .kill x1=(x(axis, kill)) x2=(x(axis, kill)) y1=(bar - 6.0) y2=(bar + BAR + 6.0) { title { "SIGKILL at " (show(kill)) } }
        }
    }
}

fn part(span: &TimelineSpan, row: &TimelineRow, axis: Axis, top: f64) -> Markup {
    let (start, end) = (x(axis, span.start), x(axis, span.end));
    let kill =
        row.kill.filter(|_| row.overrun().is_some()).map_or(end, |kill| x(axis, kill).clamp(start, end));
    let label = match span.kind {
        SpanKind::Traffic | SpanKind::Deregistration => format!("{}, until {}", span.label, show(span.end)),
        _ => format!("{}: {}", span.label, show(span.end.saturating_sub(span.start))),
    };
    let is_light = matches!(
        span.kind,
        SpanKind::PreStop | SpanKind::LameDuck | SpanKind::Margin | SpanKind::Unknown | SpanKind::Traffic
    );
    html! {
        g {
            title { (label) }
            @if kill > start { rect class=(class(span.kind)) x=(start) y=(top) width=(kill - start) height=(BAR) {} }
            @if end > kill {
                rect .late x=(kill) y=(top) width=(end - kill) height=(BAR) {}
                rect x=(kill) y=(top) width=(end - kill) height=(BAR) fill="url(#hatch)" {}
            }
            @if let Some(text) = fitting(span, &label, kill - start) {
                text class=(if is_light { "dark" } else { "inside" }) x=(start + 6.0) y=(top + BAR - 6.0) { (text) }
            }
        }
    }
}

/// Returns the label, or the name of what the part is, if it fits in the bar.
#[expect(clippy::cast_precision_loss, reason = "the length of a label")]
fn fitting<'s>(span: &'s TimelineSpan, label: &'s str, width: f64) -> Option<&'s str> {
    [label, &span.label, span.kind.name()]
        .into_iter()
        .find(|text| text.chars().count() as f64 * LETTER + 12.0 < width)
}

fn legend() -> Markup {
    let names = SpanKind::ALL.map(|kind| (class(kind), kind.name()));
    let names: Vec<(&str, &str)> = names.into_iter().chain([("late", "after SIGKILL")]).collect();
    let lefts = names.iter().scan(16.0, |left, (_, name)| {
        let own = *left;
        #[expect(clippy::cast_precision_loss, reason = "the length of a name")]
        {
            *left += 30.0 + LETTER * name.chars().count() as f64;
        }
        Some(own)
    });
    html! {
        rect width=(WIDTH) height=(LEGEND) fill="#fff" {}
        @for ((class, name), left) in names.iter().zip(lefts) {
            rect class=(class) x=(left) y="10" width="14" height="14" {}
            @if *class == "late" { rect x=(left) y="10" width="14" height="14" fill="url(#hatch)" {} }
            text .dim x=(left + 19.0) y="21" { (name) }
        }
        @for (class, name, left) in [("signal", "signal", 16.0), ("kill", "SIGKILL", 90.0)] {
            line class=(class) x1=(left + 7.0) x2=(left + 7.0) y1="32" y2="50" {}
            text .dim x=(left + 19.0) y="46" { (name) }
        }
    }
}

fn class(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::PreStop => "prestop",
        SpanKind::LameDuck => "lameduck",
        SpanKind::Drain => "drain",
        SpanKind::Margin => "margin",
        SpanKind::Unknown => "unknown",
        SpanKind::Traffic => "traffic",
        SpanKind::Deregistration => "deregistration",
    }
}

/// Returns the position of a time, in tenths.
fn x(axis: Axis, time: std::time::Duration) -> f64 {
    ((LEFT + LENGTH * axis.part(time)) * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use ebbtide_check::{Options, RULES, Sources, timelines};

    use super::*;
    use crate::check::timeline::{page, text};

    /// The bad examples that the pictures are about, and one with hostile names.
    fn example() -> Timelines {
        let hostile = "apiVersion: v1\nkind: Pod\nmetadata: {name: \"<script>&'\\\"]]>\", annotations: {ebbtide.dev/drain: 50s, \
                       ebbtide.dev/lame-duck: 5s}}\nspec: {containers: [{name: \"</svg>\", image: a}]}\n";
        let mut sources = Sources::new();
        for id in ["K001", "K002", "K007", "K020", "E003", "S001", "S002", "C001"] {
            let rule = RULES.iter().find(|rule| rule.id == id).unwrap();
            for file in rule.bad {
                sources.add(format!("{id}/{}", file.name), file.text);
            }
        }
        sources.add("hostile&<>.yaml", hostile);
        timelines(sources, &Options::default())
    }

    // A change of the snapshot is a change that readers see.
    #[test]
    fn the_text_is_readable_without_colours() {
        let mut out = anstream::StripStream::new(Vec::new());
        text::write(&mut out, &example()).unwrap();
        insta::assert_snapshot!(String::from_utf8(out.into_inner()).unwrap());
    }

    #[test]
    fn the_picture_is_xml_without_a_reference_to_another_file() {
        let picture = all(&example()).into_string();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &picture).unwrap();
        let checked = std::process::Command::new("xmllint").arg("--noout").arg(file.path()).output();
        let checked = checked.expect("`xmllint` is missing: `cargo xtask test` installs it");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        let outside = ["href", "<image", "@import", "<script"].map(|word| picture.contains(word));
        assert_eq!(outside, [false; 4]);
        // Each overrun is hatched: that of four rows, in the drain and in the margin, and the legend's.
        let late = example()
            .all
            .iter()
            .flat_map(|timeline| &timeline.rows)
            .filter(|row| row.overrun().is_some())
            .count();
        assert_eq!((late, picture.matches("url(#hatch)").count() > late), (4, true));
    }

    #[test]
    fn the_page_is_complete_in_itself_and_text_of_the_files_cannot_become_a_part_of_it() {
        let page = page::page(&example()).into_string();
        let dom =
            html5ever::parse_document(markup5ever_rcdom::RcDom::default(), html5ever::ParseOpts::default());
        let dom = html5ever::tendril::TendrilSink::one(dom, page.as_str());
        assert!(dom.errors.borrow().is_empty(), "{:?}", dom.errors.borrow());
        assert!(!page.contains("<script") && !page.contains("href") && page.contains("default-src 'none'"));
        assert!(page.contains("SIGKILL comes 12 s too early"), "{page}");
    }

    #[test]
    fn without_a_workload_every_format_says_so() {
        let mut sources = Sources::new();
        sources.add("a.yaml", "a: 1\n");
        let none = timelines(sources, &Options::default());
        let mut out = Vec::new();
        text::write(&mut out, &none).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "no workload\n");
        assert!(page::page(&none).into_string().contains("No workload."));
        assert!(all(&none).into_string().contains("<svg"));
    }
}
