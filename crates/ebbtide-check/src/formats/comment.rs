use super::Facts;
use super::times::{UNITS, complaint};
use crate::model::{Declared, Drain, Platform, go_duration, is_variable};

/// The begin of a comment that declares how long the program of a file drains.
const DRAIN: &str = "ebbtide.dev/drain:";
/// The begin of a comment that declares how long it keeps serving after the signal.
const LAME_DUCK: &str = "ebbtide.dev/lame-duck:";

/// Gives the workloads of a file the times that its comments declare, on platforms whose files have no place for annotations.
pub(super) fn apply(facts: &mut Facts) {
    let is_plain = |platform| {
        matches!(platform, Platform::Fly | Platform::ContainerApps | Platform::Render | Platform::Heroku)
    };
    if !facts.workloads.iter().any(|workload| is_plain(workload.platform)) {
        return;
    }
    for comment in &facts.comments {
        for begin in [DRAIN, LAME_DUCK] {
            let Some(value) = comment.text.strip_prefix(begin).map(str::trim) else { continue };
            if go_duration(value).is_none() && !is_variable(value) {
                let complaint = complaint(value, begin.trim_end_matches(':'), UNITS);
                facts.unreadable.insert(comment.place, complaint);
            }
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
