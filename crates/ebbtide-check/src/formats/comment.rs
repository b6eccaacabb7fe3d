use super::times::{UNITS, note_text};
use super::{Facts, Format};
use crate::input::Problem;
use crate::model::{Declared, Drain, Platform, go_duration};

/// The begin of a comment that declares how long the program of a file drains.
const DRAIN: &str = "ebbtide.dev/drain:";
/// The begin of a comment that declares how long it keeps serving after the signal.
const LAME_DUCK: &str = "ebbtide.dev/lame-duck:";

/// Gives the workloads of a file the times that its comments declare, on platforms whose files have no place for annotations. Elsewhere such a
/// comment is noted: it may be an annotation that was commented out.
pub(super) fn apply(facts: &mut Facts, path: &str) {
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
    let time = |begin: &str| {
        facts.comments.iter().find_map(|comment| {
            let time = go_duration(comment.text.strip_prefix(begin)?)?;
            Some((time, comment.place))
        })
    };
    let (drain, lame_duck) = (time(DRAIN), time(LAME_DUCK));
    for workload in facts.workloads.iter_mut().filter(|workload| is_plain(workload.platform)) {
        workload.drain = drain.map(|(time, place)| Drain {
            time,
            from: "comment ebbtide.dev/drain".to_owned(),
            place: Some(place),
            is_declared: true,
        });
        workload.lame_duck = lame_duck.map(|(time, place)| Declared::Written(time, place));
    }
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
