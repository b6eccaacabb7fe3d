use super::Comment;
use crate::input::{Place, SourceId};

/// Returns the comments of a text whose parser drops them: from a sign at the begin of a line, or after a space, to the end of the line.
/// Signs in strings are taken for comments too, which does no harm: comments have a meaning only if they begin with a word of the
/// check.
pub(crate) fn comments(source: SourceId, text: &str, signs: &[&str]) -> Vec<Comment> {
    let mut comments = Vec::new();
    let mut start = 0_usize;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        let begins = signs.iter().filter_map(|sign| {
            let at = content.match_indices(sign).map(|(at, _)| at).find(|at| {
                content.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']))
            })?;
            Some((at, at.saturating_add(sign.len())))
        });
        if let Some((at, after)) = begins.min() {
            let text = content.get(after..).unwrap_or_default();
            // That of a block ends before the end of the line, or later.
            let is_block = content.get(at..after) == Some("/*");
            let text = if is_block { text.split("*/").next().unwrap_or_default() } else { text };
            let text = text.trim().to_owned();
            let place = Place::new(source, start.saturating_add(at), start.saturating_add(content.len()));
            comments.push(Comment { text, place });
        }
        start = start.saturating_add(line.len());
    }
    comments
}
