use super::times::{UNITS, note_text};
use super::{Facts, Format};
use crate::input::{Place, Problem};
use crate::model::{Declared, Drain, Platform, go_duration};
use crate::tree::Comment;

/// The begin of a comment that declares how long the program of a file drains.
const DRAIN: &str = "ebbtide.dev/drain:";
/// The begin of a comment that declares how long it keeps serving after the signal.
const LAME_DUCK: &str = "ebbtide.dev/lame-duck:";

/// Gives the workloads of a file the times that its comments declare, on platforms whose files have no place for annotations. A comment beside,
/// inside or directly above a workload is about that alone, and any other is about all that declare nothing. On other platforms such a comment is
/// noted: it may be an annotation that was commented out.
pub(super) fn apply(facts: &mut Facts, path: &str, text: &str) {
    let is_plain = |platform| {
        matches!(platform, Platform::Fly | Platform::ContainerApps | Platform::Render | Platform::Heroku)
    };
    if !facts.workloads.iter().any(|workload| is_plain(workload.platform)) {
        note_unread(facts, path);
        return;
    }
    for comment in &facts.comments {
        for begin in [DRAIN, LAME_DUCK] {
            let Some(value) = comment.text.strip_prefix(begin).map(str::trim) else { continue };
            let key = begin.trim_end_matches(':');
            let is_time = go_duration(value).is_some();
            note_text(key, (value, comment.place), is_time, UNITS, &mut facts.unreadable);
        }
    }
    let blocks: Vec<(Place, Platform)> =
        facts.workloads.iter().filter_map(|workload| Some((workload.block?, workload.platform))).collect();
    let comments: Vec<_> =
        facts.comments.iter().map(|comment| (comment, block_of(comment, &blocks, text))).collect();
    let time = |begin: &str, block: Option<Place>| {
        comments.iter().filter(|(_, of)| *of == block).find_map(|(comment, _)| {
            let time = go_duration(comment.text.strip_prefix(begin)?)?;
            Some((time, comment.place))
        })
    };
    let drain = |block| {
        time(DRAIN, block).map(|(time, place)| Drain {
            time,
            from: "comment ebbtide.dev/drain".to_owned(),
            place: Some(place),
            is_declared: true,
        })
    };
    let lame_duck = |block| time(LAME_DUCK, block).map(|(time, place)| Declared::Written(time, place));
    for workload in facts.workloads.iter_mut().filter(|workload| is_plain(workload.platform)) {
        if let Some(block) = workload.block {
            (workload.drain, workload.lame_duck) = (drain(Some(block)), lame_duck(Some(block)));
        }
        (workload.file_drain, workload.file_lame_duck) = (drain(None), lame_duck(None));
    }
}

/// Returns the block that a comment is about; nothing if it is about the whole file.
fn block_of(comment: &Comment, blocks: &[(Place, Platform)], text: &str) -> Option<Place> {
    let at = comment.place.start();
    let line_begin = |at: usize| {
        text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end.saturating_add(1))
    };
    let begin = line_begin(at);
    // It is about its own line, or, if it is alone there, about the next one that is none of comments.
    let mut line = begin..begin;
    for part in text.get(begin..).unwrap_or_default().split_inclusive('\n') {
        line = line.end..line.end.saturating_add(part.len());
        if !part.trim_start().starts_with(['#', '/']) {
            break;
        }
    }
    let beside = || blocks.iter().find(|(block, _)| line.contains(&block.start()));
    let inside = {
        let before = blocks.iter().filter(|(block, _)| block.start() <= at);
        before.max_by_key(|(block, _)| block.start()).filter(|(block, platform)| {
            // A mapping of YAML ends with its last value; a comment after that is indented as its keys are.
            let column = |at: usize| at.saturating_sub(line_begin(at));
            let is_indented = matches!(platform, Platform::Render | Platform::ContainerApps)
                && column(at) >= column(block.start());
            at < block.end() || is_indented
        })
    };
    inside.or_else(beside).map(|(block, _)| *block)
}

fn note_unread(facts: &mut Facts, path: &str) {
    let Some(place) = place_of_times(facts) else { return };
    for comment in &facts.comments {
        for begin in [DRAIN, LAME_DUCK] {
            if comment.text.starts_with(begin) {
                let key = begin.trim_end_matches(':');
                facts.problems.push(Problem {
                    path: path.to_owned(),
                    place: Some(comment.place),
                    message: format!("comment {key} is not read in this format: expected {place}"),
                    is_failure: false,
                });
            }
        }
    }
}

/// Returns where a file declares these times if not in comments.
fn place_of_times(facts: &Facts) -> Option<&'static str> {
    Some(match facts.format {
        Some(Format::Kubernetes) => "an annotation",
        Some(Format::Compose | Format::Kamal) => "a label",
        Some(Format::Ecs) => "a Docker label",
        Some(Format::Nomad) => "an entry of meta",
        Some(Format::Systemd) => "the key X-EbbtideDrain, or a label of the container",
        Some(Format::Dockerfile | Format::Build) => "it in the file that runs the image",
        // The resources of a file of Terraform are read later, without a format.
        None if !facts.workloads.is_empty() => "an annotation or a label of the resource",
        Some(Format::Terraform | Format::Fly | Format::ContainerApps | Format::Render | Format::Heroku)
        | None => return None,
    })
}
