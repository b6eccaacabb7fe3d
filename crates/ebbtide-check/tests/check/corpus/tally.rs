use std::collections::BTreeMap;
use std::fmt;

use ebbtide_check::RULES;

/// True and false positives and false negatives of each rule.
#[derive(Default)]
pub(super) struct Tally {
    rules: BTreeMap<String, Counters>,
}

#[derive(Clone, Copy, Default)]
struct Counters {
    true_positives: usize,
    false_positives: usize,
    false_negatives: usize,
}

impl Tally {
    pub(super) fn true_positive(&mut self, rule: &str) {
        self.of(rule).true_positives += 1;
    }

    pub(super) fn false_positive(&mut self, rule: &str) {
        self.of(rule).false_positives += 1;
    }

    pub(super) fn false_negative(&mut self, rule: &str) {
        self.of(rule).false_negatives += 1;
    }

    fn of(&mut self, rule: &str) -> &mut Counters {
        self.rules.entry(rule.to_owned()).or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "rule    TP   FP   FN  precision  recall")?;
        let mut all = Counters::default();
        for (rule, counters) in &self.rules {
            row(f, rule, *counters)?;
            all.true_positives += counters.true_positives;
            all.false_positives += counters.false_positives;
            all.false_negatives += counters.false_negatives;
        }
        row(f, "all", all)?;
        let absent = RULES.iter().map(|rule| rule.id).filter(|id| !self.rules.contains_key(*id));
        writeln!(f, "not in the corpus: {}", absent.collect::<Vec<_>>().join(" "))
    }
}

fn row(f: &mut fmt::Formatter<'_>, rule: &str, counters: Counters) -> fmt::Result {
    let Counters { true_positives, false_positives, false_negatives } = counters;
    writeln!(
        f,
        "{rule:<5} {true_positives:>4} {false_positives:>4} {false_negatives:>4}  {:>9}  {:>6}",
        ratio(true_positives, false_positives),
        ratio(true_positives, false_negatives)
    )
}

fn ratio(right: usize, wrong: usize) -> String {
    let all = right + wrong;
    if all == 0 { "-".to_owned() } else { format!("{:.2}", right as f64 / all as f64) }
}
