//! The page: the verdict and the failed checks first, then the timeline, then everything else.

use std::io::{self, Write};

use ebbtide_rehearse::{
    Check, Finding, Headline, NumberedRun, OutcomeClass, RehearsalVerdict, RouteSummary, Verdict, words,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

use super::gallery::RunPicture;
use crate::output::comparison::compared;
use crate::output::judgement::Judgement;
use crate::output::table::quantiles;

const STYLE: &str = include_str!("page.css");
const SCRIPT: [&str; 2] = [include_str!("data.js"), include_str!("view.js")];

/// Nothing is loaded from elsewhere: neither by the page, nor by text of the service that is shown on it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// Writes the page.
pub(in crate::output) fn write(out: &mut dyn Write, judgement: &Judgement<'_>) -> io::Result<()> {
    let rehearsal = judgement.rehearsal;
    let Headline { word, rest } = Headline::of(rehearsal);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (word) ": rehearsal of " (judgement.command) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header {
                        h1 { "Rehearsal of " code { (judgement.command) } }
                        button #theme type="button" { "Light or dark" }
                    }
                    div class=(format!("verdict {}", class(rehearsal.verdict))) {
                        strong { (word) }
                        span { (rest.trim_start_matches([':', ' '])) }
                    }
                    p .dim { (words::plural(rehearsal.runs.len() as u64, "run", "runs")) ", seed " (judgement.seed) }
                    (comparison(judgement))
                    (findings(rehearsal))
                    (timeline(judgement))
                    (checks(rehearsal))
                    (routes(rehearsal))
                    @if rehearsal.runs.len() > 1 { (runs(judgement)) }
                    @if let Some(run) = rehearsal.runs.get(rehearsal.shown.saturating_sub(1)) { (details(run)) }
                    footer { "Written by ebbtide " (env!("CARGO_PKG_VERSION")) "." }
                }
                script type="application/json" #data { (PreEscaped(data(judgement)?)) }
                @for script in SCRIPT { script { (PreEscaped(script)) } }
            }
        }
    };
    writeln!(out, "{}", page.into_string())
}

/// Both commands of `--compare`.
fn comparison(judgement: &Judgement<'_>) -> Markup {
    let rows = compared(judgement);
    html! {
        @if !rows.is_empty() {
            h2 { "Comparison" }
            div .scroll { table {
                thead { tr { th {} th { "before" } th { "after" } } }
                tbody { @for row in rows { tr { td .name { (row.what) } td .text { (row.before) } td .text { (row.after) } } } }
            } }
        }
    }
}

/// The checks that keep the verdict from being `pass`, with their evidence.
fn findings(rehearsal: &RehearsalVerdict) -> Markup {
    html! {
        @if rehearsal.checks.iter().any(|check| check.sinks()) {
            ul .findings {
                @for check in rehearsal.checks.iter().filter(|check| check.sinks()) {
                    li class=(tone(check.verdict)) {
                        span .word { (word(check.verdict)) } " " code { (check.id.name()) }
                        p { (check.evidence) }
                        (hint(check))
                    }
                }
            }
        }
    }
}

/// The likely cause, and what to do about it, if there is something.
fn hint(check: &Check) -> Markup {
    html! {
        @if let Some(cause) = &check.cause { div .dim { "likely cause: " (cause) } }
        @if let Some(hint) = &check.hint { div .dim { "hint: " (hint) } }
    }
}

fn timeline(judgement: &Judgement<'_>) -> Markup {
    let pictures = judgement.gallery.pictures();
    let left_out = judgement.rehearsal.runs.len().saturating_sub(pictures.len());
    html! {
        @if !pictures.is_empty() {
            h2 #timeline { "Timeline" }
            p .dim {
                "Times count from the stop signal. Drag to zoom, double-click for the whole run; the wheel zooms with Ctrl and moves with Shift; \
                 arrow keys, + and − do the same. On a touch screen, use the buttons and the strip of the whole run."
                @if left_out > 0 {
                    " The page has the requests of " (pictures.len()) " of " (judgement.rehearsal.runs.len()) " runs: "
                    code { "ebbtide replay" } " shows the others from their record."
                }
            }
            div .tools .legend role="group" aria-label="Outcomes" {
                @for outcome in OutcomeClass::ALL {
                    button type="button" aria-pressed="true" data-class=(key(outcome)) {
                        span .chip style=(format!("--colour: var(--{})", key(outcome))) aria-hidden="true" { (letter(outcome)) }
                        (outcome.name()) " " span .count .dim {}
                    }
                }
            }
            div .tools {
                @if pictures.len() > 1 {
                    select #run aria-label="Run" {
                        @for picture in pictures {
                            option value=(picture.run) { "run " (picture.run) ": " (class(picture.verdict)) }
                        }
                    }
                }
                select #shape aria-label="Shape of load" {}
                select #route aria-label="Route" {}
                button #zoom-signal type="button" { "The signal" }
                button #zoom-loss type="button" { "First loss" }
                button #zoom-all type="button" { "Whole run" }
                span .pair {
                    button #zoom-in type="button" aria-label="Zoom in" { "+" }
                    button #zoom-out type="button" aria-label="Zoom out" { "−" }
                }
            }
            div .chart {
                canvas #view tabindex="0" role="img" aria-label="Timeline" {}
                canvas #map aria-hidden="true" {}
                div #tip role="status" {}
            }
            noscript { p { "The timeline needs JavaScript; the tables do not." } }
            details #failures hidden {
                summary { "Failed requests (" span #failures-count {} ")" }
                div .scroll {
                    table {
                        thead { tr {
                            th .n { "ended" } th { "shape" } th { "route" } th { "outcome" } th .n { "took" } th { "connection" } th .n { "request" }
                            th { "by the shutdown" }
                        } }
                        tbody #failures-body {}
                    }
                }
            }
        }
    }
}

fn checks(rehearsal: &RehearsalVerdict) -> Markup {
    html! {
        h2 { "Checks" }
        div .scroll { table .checks {
            thead { tr { th { "result" } th { "check" } th { "evidence" } } }
            tbody {
                @for check in &rehearsal.checks {
                    tr class=(tone(check.verdict)) {
                        td { span .word { (word(check.verdict)) } }
                        td .mono .name { (check.id.name()) }
                        td .text .evidence { (check.evidence) (hint(check)) }
                    }
                }
            }
        } }
    }
}

fn routes(rehearsal: &RehearsalVerdict) -> Markup {
    let routes = RouteSummary::sum(rehearsal.runs.iter().flat_map(|run| &run.verdict.routes));
    let heads = [
        "answered before",
        "failed before",
        "in flight at the signal",
        "answered after",
        "refused",
        "no accept",
        "lost",
        "truncated",
        "timed out",
        "wrong",
    ];
    html! {
        h2 { "Routes" }
        div .scroll { table .routes {
            thead { tr {
                th { "route" } th { "address" }
                @for head in heads { th .n { (head) } }
                th .n { "p50 ms" } th .n { "p99 ms" } th .n { "max ms" }
            } }
            tbody {
                @for RouteSummary { route, address, before, after, in_flight_at_signal, latency_ms } in &routes {
                    tr {
                        td .mono .name { (route) }
                        td .mono { (address) }
                        (number(before.answered, false)) (number(before.bad(), true)) (number(*in_flight_at_signal, false))
                        (number(after.answered, false)) (number(after.refusals(), false)) (number(after.connect_timed_out, true))
                        (number(after.lost, true)) (number(after.truncated, true)) (number(after.timed_out, true))
                        (number(after.wrong, true))
                        @for ms in quantiles(*latency_ms) { td .n { (ms) } }
                    }
                }
            }
        } }
    }
}

fn runs(judgement: &Judgement<'_>) -> Markup {
    let pictured =
        |run: &NumberedRun| judgement.gallery.pictures().iter().any(|picture| picture.run == run.run);
    html! {
        h2 { "Runs" }
        div .scroll { table {
            thead { tr {
                th .n { "run" } th { "verdict" } th .n { "sent" } th .n { "refused" } th .n { "lost by the shutdown" } th .n { "exit after" }
                th { "failed checks" } th {}
            } }
            tbody {
                @for run in &judgement.rehearsal.runs {
                    tr data-run=(run.run) class=(class(run.verdict.verdict)) {
                        td .n { (run.run) }
                        td { span .word { (class(run.verdict.verdict)) } }
                        (number(run.verdict.requests.sent, false)) (number(run.verdict.requests.refusals(), false))
                        (number(run.verdict.lost_by_shutdown, true))
                        td .n { @if let Some(ms) = run.verdict.exit.after_ms { (format!("{ms:.0} ms")) } }
                        td .mono .text {
                            (run.verdict.checks.iter().filter(|check| check.sinks()).map(|check| check.id.name()).collect::<Vec<_>>().join(", "))
                        }
                        td { @if pictured(run) { button type="button" data-show=(run.run) { "Timeline" } } }
                    }
                }
            }
        } }
    }
}

fn details(run: &NumberedRun) -> Markup {
    html! {
        @if !run.verdict.notes.is_empty() {
            h2 { "Notes" }
            ul .notes { @for note in &run.verdict.notes { li { (note) } } }
        }
        @if let Some(resources) = &run.facts.observed.resources {
            h2 { "Resources" }
            p { (resources) }
        }
        @if !run.facts.output_tail.is_empty() {
            h2 { "Last output of the service" }
            pre { (run.facts.output_tail.join("\n")) }
        }
    }
}

/// What the script reads.
#[derive(Serialize)]
struct PageData<'a> {
    classes: Vec<(OutcomeClass, &'static str)>,
    shown: usize,
    runs: &'a [RunPicture],
}

/// Returns the data of the script, in which nothing can end its element.
fn data(judgement: &Judgement<'_>) -> io::Result<String> {
    let classes = OutcomeClass::ALL.map(|class| (class, class.name())).to_vec();
    let data = PageData { classes, shown: judgement.rehearsal.shown, runs: judgement.gallery.pictures() };
    Ok(serde_json::to_string(&data)?.replace('<', "\\u003c"))
}

fn number(count: u64, bad: bool) -> Markup {
    let class = if bad && count > 0 { "n bad" } else { "n" };
    html! { td class=(class) { (words::count(count)) } }
}

fn key(class: OutcomeClass) -> String {
    class.name().replace(' ', "-")
}

/// The letter of a class, for readers who cannot tell its colour.
fn letter(class: OutcomeClass) -> &'static str {
    match class {
        OutcomeClass::Answered => "A",
        OutcomeClass::Declined => "D",
        OutcomeClass::Refused => "R",
        OutcomeClass::NoAccept => "N",
        OutcomeClass::Lost => "L",
        OutcomeClass::Truncated => "T",
        OutcomeClass::TimedOut => "O",
        OutcomeClass::Wrong => "W",
        OutcomeClass::NotJudged => "–",
    }
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "fail",
    }
}

fn tone(finding: Finding) -> &'static str {
    match finding {
        Finding::Pass => "pass",
        Finding::Fail => "fail",
        Finding::Inconclusive => "inconclusive",
        Finding::Skipped => "skipped",
    }
}

fn word(finding: Finding) -> &'static str {
    match finding {
        Finding::Pass => "ok",
        Finding::Fail => "FAIL",
        Finding::Inconclusive => "?",
        Finding::Skipped => "skipped",
    }
}
