//! The numbers of two rehearsals beside each other.

use ebbtide_rehearse::{Headline, Latency, RehearsalVerdict, words};

use super::judgement::Judgement;

/// A row of the comparison: what it is, before the change and after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ComparedRow {
    pub(super) what: &'static str,
    pub(super) before: String,
    pub(super) after: String,
}

/// The row of the command lines.
pub(super) const COMMAND: &str = "command";

/// Returns the rows of a comparison; none without `--compare`.
pub(super) fn compared(judgement: &Judgement<'_>) -> Vec<ComparedRow> {
    let Some(before) = judgement.before else { return Vec::new() };
    let row = |what, of: &dyn Fn(&Judgement<'_>) -> String| ComparedRow {
        what,
        before: of(before),
        after: of(judgement),
    };
    let count = |of: fn(&RehearsalVerdict) -> u64| move |one: &Judgement<'_>| words::count(of(one.rehearsal));
    vec![
        row(COMMAND, &|one| one.command.clone()),
        row("verdict", &|one| Headline::of(one.rehearsal).word.to_owned()),
        row("checks that did not pass", &|one| one.rehearsal.sinking().unwrap_or_else(|| "none".to_owned())),
        row("runs", &|one| words::count(one.rehearsal.runs.len() as u64)),
        row("accepted requests", &count(|rehearsal| rehearsal.requests.accepted())),
        row("lost by the shutdown", &count(|rehearsal| rehearsal.lost_by_shutdown)),
        row("in flight at the signal", &count(|rehearsal| rehearsal.in_flight_at_signal.values().sum())),
        row("refused requests", &count(|rehearsal| rehearsal.requests.refusals())),
        row("exit after", &|one| match one.rehearsal.exit.after_ms {
            Some(ms) => format!("{ms:.0} ms"),
            None => "no exit".to_owned(),
        }),
        row("p99 latency, worst route", &|one| match worst(one.rehearsal) {
            Some(latency) => format!("{:.2} ms", latency.p99),
            None => "no answer".to_owned(),
        }),
    ]
}

fn worst(rehearsal: &RehearsalVerdict) -> Option<Latency> {
    let routes = rehearsal.runs.iter().flat_map(|run| &run.verdict.routes);
    Latency::worst(routes.map(|route| route.latency_ms))
}

#[cfg(test)]
mod tests {
    use ebbtide_rehearse::samples::{rehearsal, scenario};

    use super::*;
    use crate::output::{Format as _, Gallery, VerdictFormat};

    /// The output of each format for two rehearsals, of which the first lost a request and the second none.
    fn shown(format: VerdictFormat) -> String {
        let (gallery, bad, mut good) = (Gallery::default(), rehearsal(), rehearsal());
        good.lost_by_shutdown = 0;
        let before = Judgement { command: "./old".to_owned(), ..Judgement::new(&scenario(), &bad, &gallery) };
        let after = Judgement { before: Some(&before), ..Judgement::new(&scenario(), &good, &gallery) };
        let mut out = anstream::StripStream::new(Vec::new());
        format.write(&mut out, &after).unwrap();
        String::from_utf8(out.into_inner()).unwrap()
    }

    #[test]
    fn without_compare_there_is_no_comparison() {
        let (gallery, rehearsal) = (Gallery::default(), rehearsal());
        assert_eq!(compared(&Judgement::new(&scenario(), &rehearsal, &gallery)), []);
    }

    #[test]
    fn every_format_shows_both_rehearsals() {
        for format in VerdictFormat::ALL {
            let text = shown(*format);
            assert!(text.contains("./old") && text.contains("./service --port=1"), "{format:?}: {text}");
        }
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let text = shown(VerdictFormat::Text);
        let lost =
            text.lines().map(words).find(|words| words.starts_with(&["lost".to_owned(), "by".to_owned()]));
        assert_eq!(lost, Some(words("lost by the shutdown 1 0")));
        assert!(shown(VerdictFormat::Markdown).contains("| lost by the shutdown | 1 | 0 |"));
        let json: serde_json::Value = serde_json::from_str(&shown(VerdictFormat::Json)).unwrap();
        assert_eq!(
            (&json["lost_by_shutdown"], &json["compared_with"]["lost_by_shutdown"]),
            (&0.into(), &1.into())
        );
        assert_eq!(shown(VerdictFormat::Junit).matches("<testsuite ").count(), 2);
    }
}
