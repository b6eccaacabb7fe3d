//! Colours. The output is readable without them; `anstream` omits them where they are unwanted (`NO_COLOR`, no
//! terminal).

use anstyle::{AnsiColor, Style};
use ebbtide_rehearse::{Finding, Verdict};

pub(crate) const FAIL: Style = AnsiColor::Red.on_default().bold();
pub(crate) const PASS: Style = AnsiColor::Green.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(super) const HINT: Style = AnsiColor::Cyan.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();

/// The style of a finding.
pub(super) fn finding(finding: Finding) -> Style {
    match finding {
        Finding::Pass => PASS,
        Finding::Fail => FAIL,
        Finding::Inconclusive => WARN,
        Finding::Skipped => DIM,
    }
}

/// The style of a verdict.
pub(super) fn verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => PASS.bold(),
        Verdict::Inconclusive => WARN.bold(),
        Verdict::Fail => FAIL,
    }
}
