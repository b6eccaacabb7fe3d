use super::{Repair, Rule, Severity, Sum};
use crate::input::Place;
use crate::model::{Spelling, Word, Workload, batch_words};

/// Something that a rule found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How bad it is here. A rule may have several severities.
    pub severity: Severity,
    /// What it is about, such as `Deployment shop/api`.
    pub subject: String,
    /// What is wrong, in one line.
    pub title: String,
    /// Where it is: the first one is where to look.
    pub labels: Vec<Label>,
    /// The arithmetic, if it is about times.
    pub arithmetic: Option<String>,
    /// What was assumed.
    pub notes: Vec<String>,
    /// What users of the service see.
    pub effect: String,
    /// What to change.
    pub remedy: String,
    /// The change as an edit, if it is local and certain.
    pub fix: Option<Fix>,
    pub(crate) repair: Option<Repair>,
    /// The script whose last command the first place is about.
    pub(crate) script: Option<Word>,
    /// The place of the workload's name, which identifies the workload.
    pub(crate) workload: Place,
    pub(crate) spelling: Spelling,
    /// Whether the workload runs to its end rather than serving clients.
    pub(crate) is_batch: bool,
    /// Why it does not count, if a file says so.
    pub suppressed: Option<Suppressed>,
    /// Whether the baseline has it, so that it does not count.
    pub is_in_baseline: bool,
    /// A number that stays the same while lines are added above it.
    pub fingerprint: String,
}

/// A place and what to see there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub place: Place,
    /// A few words.
    pub text: String,
}

/// A change of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does.
    pub description: String,
    /// The edits. They do not overlap.
    pub edits: Vec<Edit>,
}

/// A replacement of a part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced. An empty place is an insertion.
    pub place: Place,
    /// The new text.
    pub text: String,
}

/// A finding that a file suppresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// The reason that the file gives.
    pub reason: String,
    /// Where it gives it.
    pub place: Place,
}

impl Finding {
    /// Creates a finding about a workload, at the place where to look.
    pub(crate) fn new(
        rule: &'static Rule,
        severity: Severity,
        workload: &Workload,
        title: impl Into<String>,
        place: Place,
        label: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            severity,
            subject: workload.title(),
            title: title.into(),
            labels: vec![Label { place, text: label.into() }],
            arithmetic: None,
            notes: Vec::new(),
            effect: String::new(),
            remedy: String::new(),
            fix: None,
            repair: None,
            script: None,
            workload: workload.place,
            spelling: workload.spelling,
            is_batch: workload.is_batch(),
            suppressed: None,
            is_in_baseline: false,
            fingerprint: String::new(),
        }
    }

    /// Adds another place, if there is one.
    pub(crate) fn also(mut self, place: Option<Place>, label: impl Into<String>) -> Self {
        if let Some(place) = place.filter(|place| self.labels.iter().all(|label| label.place != *place)) {
            self.labels.push(Label { place, text: label.into() });
        }
        self
    }

    pub(crate) fn sum(mut self, sum: &Sum) -> Self {
        self.arithmetic = Some(sum.to_string());
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn effect(mut self, effect: impl Into<String>) -> Self {
        self.effect = effect.into();
        self
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Adds the edit that the remedy means, if it is local and certain.
    pub(crate) fn repair(mut self, repair: Option<Repair>) -> Self {
        self.repair = repair;
        self
    }

    /// Says that it is about the command of a script which the shell stays in front of.
    pub(crate) fn in_script(mut self, script: &Word) -> Self {
        self.script = Some(script.clone());
        self
    }

    /// Names the keys as the file of the workload does, and what is lost as what the workload does.
    pub(crate) fn spell(&mut self) {
        let texts = [&mut self.title, &mut self.effect, &mut self.remedy].into_iter();
        let texts = texts.chain(&mut self.arithmetic).chain(&mut self.notes);
        let texts = texts.chain(self.labels.iter_mut().map(|label| &mut label.text));
        for text in texts.chain(self.repair.as_mut().map(|repair| &mut repair.description)) {
            self.spelling.spell(text);
        }
        if self.is_batch {
            [&mut self.title, &mut self.effect].into_iter().for_each(batch_words);
        }
    }

    /// Returns whether it is the same as another one, of a workload that is written at the same place.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        self.rule.id == other.rule.id
            && self.workload == other.workload
            && self.title == other.title
            && self.labels == other.labels
            && self.arithmetic == other.arithmetic
    }

    /// Returns where to look.
    pub fn place(&self) -> Option<Place> {
        self.labels.first().map(|label| label.place)
    }
}
