//! The part of a text that a finding is about, as the renderer of excerpts takes it.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Origin, Snippet};

use crate::input::{Place, Source, SourceId, Sources};

/// The longest text that is one excerpt. The renderer reads all that it is given for each finding, and a file may be one line of megabytes.
const MAX_EXCERPT: usize = 16 * 1024;

/// The bytes before and after a place that an excerpt of a longer text has.
const AROUND: usize = 100;

/// Returns the excerpts of one source with its labels. `None` for a place that is not in the text.
pub(super) fn excerpts<'r>(
    sources: &'r Sources,
    id: SourceId,
    labels: &[(Place, Option<&'r str>)],
) -> Option<Vec<Element<'r>>> {
    let source = sources.get(id)?;
    let spans: Vec<_> = labels.iter().map(|(place, text)| (first_line(source, *place), *text)).collect();
    let from = source.line_around(spans.iter().map(|(span, _)| span.start).min()?).start;
    let end = spans.iter().map(|(span, _)| span.end).max()?;
    let to = source.line_around(end).end.max(end);
    if to.saturating_sub(from) > MAX_EXCERPT {
        let windows: Option<Vec<_>> =
            spans.into_iter().enumerate().map(|label| window(source, label)).collect();
        return Some(windows?.into_iter().flatten().collect());
    }
    let snippet = Snippet::source(source.text().get(from..to)?);
    let snippet = snippet.line_start(source.position(from).line).path(source.name());
    let labels = spans.into_iter().enumerate();
    Some(vec![labels.fold(snippet, |snippet, label| annotated(snippet, label, from)).into()])
}

fn annotated<'r>(
    snippet: Snippet<'r, annotate_snippets::Annotation<'r>>,
    (index, (span, text)): (usize, (Range<usize>, Option<&'r str>)),
    from: usize,
) -> Snippet<'r, annotate_snippets::Annotation<'r>> {
    let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
    let annotation = kind.span(span.start.saturating_sub(from)..span.end.saturating_sub(from));
    snippet.annotation(match text {
        Some(text) => annotation.label(text),
        None => annotation,
    })
}

/// Returns the part of a line around one label, below the position in the whole line.
fn window<'r>(
    source: &'r Source,
    (index, (span, text)): (usize, (Range<usize>, Option<&'r str>)),
) -> Option<[Element<'r>; 2]> {
    let whole = source.text();
    let line = source.line_around(span.start);
    let from = boundary(whole, span.start.saturating_sub(AROUND)).max(line.start);
    let end = span.end.min(span.start.saturating_add(AROUND));
    let to = boundary(whole, end.saturating_add(AROUND)).min(line.end).max(span.start);
    let span = span.start.max(from)..boundary(whole, end).min(to).max(span.start);
    let position = source.position(span.start);
    let snippet = Snippet::source(whole.get(from..to)?).line_start(position.line);
    let origin = Origin::path(source.name()).line(position.line).char_column(position.column);
    Some([origin.into(), annotated(snippet, (index, (span, text)), from).into()])
}

/// Returns the part of a place that is in its first line: an underlined block of twenty lines shows nothing.
fn first_line(source: &Source, place: Place) -> Range<usize> {
    let start = place.start().min(source.text().len());
    start..place.end().min(source.line_around(start).end).max(start)
}

/// Returns the last begin of a character up to an offset.
fn boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset = offset.saturating_sub(1);
    }
    offset
}
