use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use super::read::{self, Unreadable};
use super::{Place, Position, Problem, SourceId};

/// The texts to check.
#[derive(Debug, Default)]
pub struct Sources {
    all: Vec<Source>,
}

impl Sources {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text under a name that findings show as its path.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        let id = SourceId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(Source {
            name: name.into(),
            text: text.into(),
            has_bom: false,
            is_required: false,
            is_neighbour: false,
            is_of_variables: false,
            lines: OnceLock::new(),
            letters: OnceLock::new(),
            template: None,
        });
        id
    }

    /// Marks a source as one that the user named, rather than one that was found in a folder: whatever it is, a text that cannot be parsed is
    /// then a failure, and one in which nothing is recognised is reported.
    pub fn require(&mut self, id: SourceId) {
        if let Some(source) = self.all.get_mut(id.index()) {
            source.is_required = true;
        }
    }

    /// Marks a source as one that is read for what it changes in the others: findings and notes that are about it alone are left out, and it is not
    /// fixed.
    pub fn mark_neighbour(&mut self, id: SourceId) {
        if let Some(source) = self.all.get_mut(id.index()) {
            source.is_neighbour = true;
        }
    }

    /// Marks a source as a file of variables that a unit names, which is read for that alone. What its name says does not count.
    pub fn mark_variables(&mut self, id: SourceId) {
        self.mark_neighbour(id);
        if let Some(source) = self.all.get_mut(id.index()) {
            source.is_of_variables = true;
        }
    }

    /// Adds a text that a template was rendered to. Its name is the path of the template with a mark. `lines` has the line of the template for
    /// each line of the text, as well as that is known: reports that show a finding beside the file show it there.
    pub fn add_rendered(&mut self, path: &str, text: impl Into<String>, lines: Vec<usize>) -> SourceId {
        let id = self.add(format!("{path} (rendered)"), text);
        if let Some(source) = self.all.last_mut() {
            source.template = Some(Template { path: path.to_owned(), lines });
        }
        id
    }

    /// Reads a file and adds its text.
    ///
    /// # Errors
    ///
    /// Returns the reason if the file cannot be read, is not UTF-8, or is larger than 64 MiB.
    pub fn add_file(&mut self, path: &Path) -> Result<SourceId, Problem> {
        let name = path.display().to_string();
        let read = read::read(path)
            .map_err(|unreadable: Unreadable| Problem::file(&*name, unreadable.to_string()))?;
        let id = self.add(name, read.text);
        if let Some(source) = self.all.last_mut() {
            source.has_bom = read.has_bom;
        }
        Ok(id)
    }

    /// Returns the same sources with other texts for some of them.
    pub(crate) fn with(&self, texts: &BTreeMap<SourceId, String>) -> Self {
        let replaced = self.iter().map(|(id, source)| Source {
            name: source.name.clone(),
            text: texts.get(&id).unwrap_or(&source.text).clone(),
            has_bom: source.has_bom,
            is_required: source.is_required,
            is_neighbour: source.is_neighbour,
            is_of_variables: source.is_of_variables,
            lines: OnceLock::new(),
            letters: OnceLock::new(),
            template: source.template.clone(),
        });
        Self { all: replaced.collect() }
    }

    /// Returns a source.
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.all.get(id.index())
    }

    /// Returns all sources, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        self.all
            .iter()
            .enumerate()
            .map(|(index, source)| (SourceId(u32::try_from(index).unwrap_or(u32::MAX)), source))
    }

    /// Returns the number of sources.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns whether there are no sources.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns the name of the source of a place.
    pub fn name(&self, place: Place) -> &str {
        self.get(place.source).map_or("", |source| source.name())
    }

    /// Returns whether a place is in a source that is read for others.
    pub(crate) fn is_in_neighbour(&self, place: Place) -> bool {
        self.get(place.source).is_some_and(|source| source.is_neighbour)
    }

    /// Returns the places of the texts that are not edited: those that were rendered, where an edit changes no file, and neighbours.
    pub(crate) fn uneditable(&self) -> impl Iterator<Item = Place> {
        let uneditable = self.iter().filter(|(_, source)| source.template.is_some() || source.is_neighbour);
        uneditable.map(|(id, source)| Place::new(id, 0, source.text.len()))
    }

    /// Returns the file of a place, and its begin and end there: those in the template of a rendered text.
    pub(crate) fn in_file(&self, place: Place) -> (&str, Position, Position) {
        let (start, end) = (self.position(place), self.end_position(place));
        let template = self.get(place.source).and_then(|source| source.template.as_ref());
        match template {
            None => (self.name(place), start, end),
            Some(template) => {
                let (first, last) = (template.line(start.line), template.line(end.line));
                let position = |line| Position { line, column: 1 };
                (&template.path, position(first), position(last.max(first)))
            }
        }
    }

    /// Returns the position of the first byte of a place.
    pub fn position(&self, place: Place) -> Position {
        self.get(place.source)
            .map_or(Position { line: 1, column: 1 }, |source| source.position(place.start()))
    }

    /// Returns the position after the last byte of a place.
    pub fn end_position(&self, place: Place) -> Position {
        self.get(place.source).map_or(Position { line: 1, column: 1 }, |source| source.position(place.end()))
    }
}

/// The bytes whose characters are counted for one position.
const BLOCK: usize = 1024;

/// A text to check.
#[derive(Debug)]
pub struct Source {
    name: String,
    text: String,
    has_bom: bool,
    is_required: bool,
    is_neighbour: bool,
    is_of_variables: bool,
    lines: OnceLock<Vec<usize>>,
    /// The number of characters before each block of [`BLOCK`] bytes.
    letters: OnceLock<Vec<usize>>,
    template: Option<Template>,
}

/// What a text was rendered from.
#[derive(Clone, Debug)]
struct Template {
    path: String,
    lines: Vec<usize>,
}

impl Template {
    fn line(&self, rendered: usize) -> usize {
        rendered.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(1)
    }
}

impl Source {
    /// Returns the name that findings show as its path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the text, without a byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether the file begins with a byte order mark.
    pub fn has_bom(&self) -> bool {
        self.has_bom
    }

    /// Returns whether it is read for others.
    pub(crate) fn is_neighbour(&self) -> bool {
        self.is_neighbour
    }

    /// Returns whether it is a file of variables that a unit names.
    pub(crate) fn is_of_variables(&self) -> bool {
        self.is_of_variables
    }

    /// Returns whether a template was rendered to it.
    pub(super) fn is_rendered(&self) -> bool {
        self.template.is_some()
    }

    /// Returns whether the user named it.
    pub(crate) fn is_required(&self) -> bool {
        self.is_required
    }

    /// Returns the line and column of a byte offset.
    pub fn position(&self, offset: usize) -> Position {
        let lines = self.line_starts();
        let line = lines.partition_point(|&start| start <= offset).max(1);
        let start = lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.letters_before(offset).saturating_sub(self.letters_before(start));
        Position { line, column: before.saturating_add(1) }
    }

    /// Returns the range of the line that has an offset, without its line end.
    pub(crate) fn line_around(&self, offset: usize) -> Range<usize> {
        let lines = self.line_starts();
        let line = lines.partition_point(|&start| start <= offset);
        let start = line.checked_sub(1).and_then(|index| lines.get(index)).copied().unwrap_or(0);
        start..start.saturating_add(self.line(line.max(1)).len())
    }

    /// Returns the number of characters before an offset. A text may be one line of many megabytes, in which each finding has a position.
    fn letters_before(&self, offset: usize) -> usize {
        let count = |bytes: &[u8]| bytes.iter().filter(|byte| (**byte as i8) >= -0x40).count();
        let blocks = self.letters.get_or_init(|| {
            let counts = self.text.as_bytes().chunks(BLOCK).map(count);
            let sums = counts.scan(0_usize, |sum, count| {
                *sum = sum.saturating_add(count);
                Some(*sum)
            });
            std::iter::once(0).chain(sums).collect()
        });
        let offset = offset.min(self.text.len());
        let block = offset.checked_div(BLOCK).unwrap_or_default();
        let rest = self.text.as_bytes().get(block.saturating_mul(BLOCK)..offset).map_or(0, count);
        blocks.get(block).copied().unwrap_or_default().saturating_add(rest)
    }

    /// Returns the text of a line, counted from 1, without its line end.
    pub fn line(&self, number: usize) -> &str {
        let lines = self.line_starts();
        let start =
            number.checked_sub(1).and_then(|index| lines.get(index)).copied().unwrap_or(self.text.len());
        let end = lines.get(number).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r'])
    }

    fn line_starts(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(ends.map(|(index, _)| index.saturating_add(1))).collect()
        })
    }
}

/// Returns a path without the `./` that a walk of the current folder puts before it: programs that read reports compare paths with those of a repository.
pub fn plain_path(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rendered_text_is_in_the_file_of_its_template() {
        let mut sources = Sources::new();
        let id = sources.add_rendered("a.yaml", "x: 1\ny: 2\nz: 3\n", vec![4, 9]);
        let at = |start, end| {
            let (path, start, end) = sources.in_file(Place::new(id, start, end));
            (path, start.line, end.line)
        };
        assert_eq!((at(0, 4), at(0, 9), at(5, 9)), (("a.yaml", 4, 4), ("a.yaml", 4, 9), ("a.yaml", 9, 9)));
        assert_eq!(at(10, 14), ("a.yaml", 1, 1), "a line of which nothing is known");
        assert_eq!(sources.name(Place::new(id, 0, 0)), "a.yaml (rendered)");
    }

    #[test]
    fn a_position_in_a_long_line_counts_characters_too() {
        let mut sources = Sources::new();
        let id = sources.add("a", format!("x\n{}\n{}", "ä".repeat(5000), "aö".repeat(3000)));
        let source = sources.get(id).unwrap();
        for offset in [2, 4, 1026, 1028, 2050, 10_002, 10_003, 10_004, 12_004, 19_003] {
            let before = &source.text()[..offset];
            let line = before.rsplit('\n').next().unwrap();
            assert_eq!(source.position(offset).column, line.chars().count() + 1, "{offset}");
        }
    }

    #[test]
    fn a_position_counts_characters_from_one() {
        let mut sources = Sources::new();
        let id = sources.add("a", "äb\r\nc\n");
        let source = sources.get(id).unwrap();
        for (offset, line, column) in [(0, 1, 1), (2, 1, 2), (5, 2, 1), (6, 2, 2), (7, 3, 1), (99, 3, 1)] {
            assert_eq!(source.position(offset), Position { line, column }, "{offset}");
        }
        assert_eq!([source.line(1), source.line(2), source.line(3), source.line(9)], ["äb", "c", "", ""]);
    }
}
