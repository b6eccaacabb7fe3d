//! The timelines as one page, without any reference to another file.

use ebbtide_check::{Timeline, Timelines};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::picture;
use super::text::remark;

const STYLE: &str = "body{margin:0;background:#f4f6f8;color:#1b2430;font:15px/1.5 system-ui,sans-serif}main{max-width:1000px;margin:0 auto;padding:24px}\
h1{font-size:24px}section{background:#fff;border:1px solid #dde2e8;border-radius:8px;margin:0 0 20px;padding:8px 12px 12px;overflow-x:auto}\
svg{display:block;width:100%;min-width:760px;height:auto}p{margin:4px 4px 12px}section p{margin:4px 4px 0}code{font:13px ui-monospace,monospace}.dim{color:#5b6673}.bad{color:#b3151f}";

/// Nothing is loaded from elsewhere: neither by the page, nor by text of the files that is shown on it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Returns the page.
pub(super) fn page(timelines: &Timelines) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { "Shutdowns on a time axis" }
                style { (PreEscaped(STYLE)) }
            }
            body { main {
                h1 { "Shutdowns on a time axis" }
                p .dim { "Times count from the begin of the stop. A red line is SIGKILL, and a black one the stop signal." }
                section { (picture::legend_alone()) }
                @for timeline in &timelines.all { (section(timelines, timeline)) }
                @if timelines.all.is_empty() { p { "No workload." } }
                p .dim { "Written by ebbtide " (env!("CARGO_PKG_VERSION")) "." }
            } }
        }
    }
}

fn section(timelines: &Timelines, timeline: &Timeline) -> Markup {
    let line = timelines.sources.position(timeline.place).line;
    html! {
        section {
            (picture::one(timeline))
            p .dim { code { (timelines.sources.name(timeline.place)) ":" (line) } }
            @for row in &timeline.rows {
                @if let Some(remark) = remark(row) {
                    p .bad[row.overrun().is_some()] { (row.name) ": " (remark) }
                }
            }
        }
    }
}
