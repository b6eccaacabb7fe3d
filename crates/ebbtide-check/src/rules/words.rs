use std::time::Duration;

use crate::input::Place;
use crate::knowledge::{Script, Shell, ShellsThatStay, ends, exec_offset};
use crate::model::{Container, Declared, Platform, Word, Workload, show};

/// Puts the name of a container before a sentence, if the workload has several.
pub(super) fn named(workload: &Workload, container: &Container, sentence: &str) -> String {
    if workload.running().count() > 1 {
        format!("(container `{}`) {sentence}", container.name)
    } else {
        sentence.to_owned()
    }
}

/// Returns where the grace period is written, or what has none, and what to see there.
pub(super) fn grace_note(workload: &Workload, container: &Container) -> (Place, String) {
    let of_container = matches!(workload.platform, Platform::Ecs | Platform::Nomad);
    let without = if of_container { container.place } else { workload.place };
    described(workload, workload.grace_of(container), without)
}

/// The same for the workload's own grace period.
pub(super) fn workload_grace(workload: &Workload) -> (Place, String) {
    described(workload, &workload.grace, workload.place)
}

fn described(workload: &Workload, grace: &Declared<Duration>, without: Place) -> (Place, String) {
    let name = workload.grace_name();
    match grace {
        Declared::Written(grace, place) => (*place, format!("SIGKILL after {}", show(*grace))),
        Declared::Default(grace) if workload.platform.has_fixed_grace() => {
            (without, format!("SIGKILL after {}, which cannot be set", show(*grace)))
        }
        Declared::Default(grace) => (without, format!("no {name}: {} by default", show(*grace))),
        Declared::Unresolved(place) => (*place, "not known before the deploy".to_owned()),
    }
}

/// Returns the program that a script ends with, if it only keeps a container running: it has no handler for a signal, and nothing to drain.
pub(super) fn serves_nothing(script: &Word) -> Option<&'static str> {
    let last = ends(&Script::read(&script.text), None).pop()?;
    let program = last.command.program()?;
    ["tail", "sleep", "cat", "tee"].into_iter().find(|own| *own == program)
}

/// Returns what has to hold of the image's shell.
pub(super) fn assumption(stays: ShellsThatStay) -> String {
    let all = [Shell::Dash, Shell::Ash, Shell::Bash].into_iter().filter(|shell| stays.includes(*shell));
    let shells = all.map(Shell::name).collect::<Vec<_>>().join(" or ");
    format!("the image's /bin/sh is {shells}")
}

/// Returns what to do about a shell that stays; `or` is what else helps. Where every shell stays, `exec` alone does not help: the command is in a
/// pipe, in the background, or is followed by another. Nor does it where the command serves nothing: the program is then in the background.
pub(super) fn exec_remedy(stays: ShellsThatStay, script: &Word, or: &str) -> String {
    if let Some(program) = serves_nothing(script) {
        return format!(
            "run the program in the foreground as the last command instead of `{program}`, which serves nothing, and begin it with `exec`"
        );
    }
    if ends(&Script::read(&script.text), None).len() > 1 {
        return format!(
            "let each program be the last command of its branch, neither in a pipe nor in the background, and begin it with `exec`, or {or}"
        );
    }
    let is_enough = stays != ShellsThatStay::ALL || exec_offset(&script.text).is_some();
    let first = if is_enough {
        "begin the last command with `exec`"
    } else {
        "let the program be the last command, neither in a pipe nor in the background, and begin it with `exec`"
    };
    format!("{first}, or {or}")
}
