use crate::findings::Finding;
use crate::input::{Place, Sources};
use crate::knowledge::{Script, ends};
use crate::model::Word;

/// Moves the first place of each finding about a script of several lines to the command that it is about.
pub(super) fn narrow(sources: &Sources, findings: &mut [Finding]) {
    for finding in findings {
        let Some(script) = finding.script.take() else { continue };
        let place = command(sources, &script);
        if let (Some(place), Some(label)) = (place, finding.labels.first_mut()) {
            label.place = place;
        }
    }
}

/// Returns the place of the command that a shell stays in front of. `None` if it is the whole script, or not written once.
fn command(sources: &Sources, script: &Word) -> Option<Place> {
    let written = sources.get(script.place.source)?.text().get(script.place.start()..script.place.end())?;
    let last = ends(&Script::read(&script.text), None).into_iter().max_by_key(|end| end.stays)?;
    let (start, end) = last.command.range;
    let text = script.text.get(start..end).filter(|_| written.trim_end().contains('\n'))?;
    // The whole line may be there once where the command is there twice.
    let begin = script.text.get(..start)?.rfind('\n').map_or(0, |at| at.saturating_add(1));
    let line = script.text.get(begin..)?.lines().next()?.trim();
    let (at, _) = written.match_indices(line).next().filter(|_| written.matches(line).count() == 1)?;
    let from = at.saturating_add(line.find(text)?).saturating_add(script.place.start());
    Some(Place::new(script.place.source, from, from.saturating_add(text.len())))
}
