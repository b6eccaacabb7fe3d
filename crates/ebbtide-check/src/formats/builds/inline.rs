//! Patches that are a text in a kustomization: their values are in its lines.

use crate::input::{Place, Source};
use crate::tree::{Node, Value};

/// The offsets of the lines of a text, each with that in the file.
pub(super) struct Lines(Vec<(usize, usize)>);

impl Lines {
    /// Finds the lines of a text in the place of its scalar, where they are indented. `None` if they are not there as they are: in quotes, or joined.
    pub(super) fn find(source: &Source, scalar: Place, text: &str) -> Option<Self> {
        let end = scalar.end().max(scalar.start());
        let raw = source.text().get(scalar.start()..end)?;
        let mut at = scalar.start();
        let mut lines = raw.split_inclusive('\n').map(|line| {
            let start = at;
            at = at.saturating_add(line.len());
            (start, line.trim_end_matches(['\n', '\r']))
        });
        let mut found = Vec::new();
        let mut offset = 0_usize;
        for line in text.split_inclusive('\n') {
            let own = line.trim_end_matches(['\n', '\r']);
            let indented = |raw: &str| {
                let indent = raw.strip_suffix(own)?;
                indent.bytes().all(|byte| byte == b' ').then_some(indent.len())
            };
            if !own.trim().is_empty() {
                let (start, indent) = lines.find_map(|(start, raw)| Some((start, indented(raw)?)))?;
                found.push((offset, start.saturating_add(indent)));
            }
            offset = offset.saturating_add(line.len());
        }
        Some(Self(found))
    }

    /// Moves the places of a tree, which are those in the text, to the file.
    pub(super) fn relocate(&self, node: &mut Node) {
        node.place = self.place(node.place);
        match &mut node.value {
            Value::Scalar(_) => {}
            Value::List(items) => items.iter_mut().for_each(|item| self.relocate(item)),
            Value::Map(entries) => {
                for entry in entries {
                    entry.key_place = self.place(entry.key_place);
                    self.relocate(&mut entry.node);
                }
            }
        }
    }

    fn place(&self, place: Place) -> Place {
        Place::new(place.source, self.offset(place.start()), self.offset(place.end()))
    }

    fn offset(&self, offset: usize) -> usize {
        let next = self.0.partition_point(|(start, _)| *start <= offset);
        let line = next.checked_sub(1).and_then(|at| self.0.get(at)).or(self.0.first());
        line.map_or(offset, |(start, in_file)| in_file.saturating_add(offset.saturating_sub(*start)))
    }
}
