//! Which program a shell stays in front of, and keeps the stop signal from.

use std::collections::BTreeMap;

use super::images::{Shell, shell_of_image};
use super::programs::within;
use super::script::{Script, ScriptEnd, ends};
use super::shell::{ShellsThatStay, shells_that_stay};
use crate::input::Place;
use crate::model::{Command, Container, Declared, Platform, Word, Workload};

/// Notes the containers whose program certainly never receives the stop signal, or is killed as soon as it is sent, because a shell stays in front
/// of it: a drain is not begun there.
pub(crate) fn mark_shielded(workloads: &mut [Workload]) {
    let images = workloads.iter().filter(|workload| workload.platform == Platform::Image);
    let images: BTreeMap<Place, Container> =
        images.flat_map(|workload| &workload.containers).map(|image| (image.place, image.clone())).collect();
    for workload in workloads.iter_mut().filter(|workload| !signals_all(workload)) {
        let platform = workload.platform;
        for container in &mut workload.containers {
            let image = container.built.and_then(|built| images.get(&built));
            container.is_shielded = is_shielded(platform, container, image);
        }
    }
}

/// Returns whether the stop signal reaches more than the first process.
fn signals_all(workload: &Workload) -> bool {
    match workload.platform {
        Platform::Heroku => true,
        Platform::Systemd => {
            let mode = workload.unit.as_ref().and_then(|unit| unit.kill_mode.as_ref());
            !matches!(mode, Some(Declared::Written(mode, _)) if matches!(&**mode, "mixed" | "process"))
        }
        _ => workload.shares_process_namespace,
    }
}

fn is_shielded(platform: Platform, container: &Container, image: Option<&Container>) -> bool {
    // Behind an init the shell ends at the signal, and takes the program along.
    let bare = |container: &Container| {
        let mut bare = Container { init: None, ..container.clone() };
        if let Some(entrypoint) = &mut bare.entrypoint {
            *entrypoint = entrypoint.without_init().1;
        }
        bare
    };
    if container.entrypoint.is_none()
        && let Some(image) = image
    {
        return run_of(container, image).is_some_and(|image| behind_shell(&bare(&image)).is_some());
    }
    let is_pod = matches!(
        platform,
        Platform::Kubernetes | Platform::Knative | Platform::CloudRun | Platform::ContainerApps
    );
    // What an unknown entry point does with its arguments is not known; engines and tasks usually have none.
    let is_known = container.entrypoint.is_some() || !is_pod;
    is_known && behind_shell(&bare(container)).is_some()
}

/// Returns an image with the arguments that a container gives it. `None`: what it then runs is not known.
pub(crate) fn run_of(container: &Container, image: &Container) -> Option<Container> {
    match &container.arguments {
        Some(_) if image.entrypoint.is_none() => None,
        // A script may decide by what is only known at the deploy.
        Some(arguments) if image.wrapper.is_some() && arguments.words.iter().any(is_unknown) => None,
        // Arguments replace CMD, and the image's ENTRYPOINT runs with them.
        Some(arguments) => Some(Container { arguments: Some(arguments.clone()), ..image.clone() }),
        None => Some(image.clone()),
    }
}

/// Returns whether a word, or a part of it, is only known at the deploy.
fn is_unknown(word: &Word) -> bool {
    word.text.is_empty() || word.text.contains('$')
}

/// Returns the commands that the entry point script of an image may end with.
pub(crate) fn script_ends(container: &Container, script: &Word) -> Vec<ScriptEnd> {
    let run = container.run().map(|run| run.without_init().1);
    let arguments = run.iter().flat_map(|run| run.file_words().iter().skip(1));
    let arguments: Vec<String> = arguments.map(|word| word.text.clone()).collect();
    // The shell of a script stays: only `sh -c` replaces itself.
    ends(&Script::read(&script.text), Some(&arguments))
}

/// Returns the command that a shell certainly stays in front of as process 1, whatever the shell of the image is or because that is known.
pub(crate) fn behind_shell(image: &Container) -> Option<Place> {
    let (init, command) = image.run()?.without_init();
    if init.or(image.init).is_some() {
        return None;
    }
    if let Some(script) = &image.wrapper {
        let ends = script_ends(image, script);
        let are_children = ends.iter().all(|end| end.stays.is_some());
        let child = ends.first().filter(|_| are_children).map(|end| within(script, end.command.range));
        // A script in a word may start it.
        if child.is_some() || command.script().is_none() {
            return child;
        }
    }
    let script = command.script().filter(|_| !command.is_shell_form || !has_other_shell(image))?;
    let stays = shells_that_stay(&script.text)?;
    let shell = shell_of_program(&command).or_else(|| shell_of(image));
    let is_certain = stays == ShellsThatStay::ALL || shell.is_some_and(|shell| stays.includes(shell));
    is_certain.then_some(script.place)
}

/// Returns the shell that a command names, if that is not `sh`.
pub(crate) fn shell_of_program(command: &Command) -> Option<Shell> {
    shell_named(command.program()?)
}

/// Returns the shell that a container's scripts run in, if the file or the name of the image says so.
pub(crate) fn shell_of(container: &Container) -> Option<Shell> {
    let named = container.shell.as_deref().and_then(|shell| shell_named(shell.rsplit('/').next()?));
    named.or_else(|| shell_of_image(container.image.as_ref().and_then(Declared::value)?))
}

/// Returns whether scripts in the shell form run in a shell of Windows or in PowerShell, of which the table of the shells says nothing.
pub(crate) fn has_other_shell(container: &Container) -> bool {
    let named = container.shell.as_deref().map(|shell| {
        let program = shell.rsplit(['/', '\\']).next().unwrap_or(shell).to_ascii_lowercase();
        matches!(program.trim_end_matches(".exe"), "powershell" | "pwsh" | "cmd")
    });
    let image = container.image.as_ref().and_then(Declared::value).map(|image| image.to_ascii_lowercase());
    let is_windows = |image: String| {
        ["/windows/", "windowsservercore", "nanoserver"].iter().any(|part| image.contains(part))
    };
    named.unwrap_or_else(|| image.is_some_and(is_windows))
}

fn shell_named(program: &str) -> Option<Shell> {
    match program {
        "bash" => Some(Shell::Bash),
        "dash" => Some(Shell::Dash),
        "ash" => Some(Shell::Ash),
        _ => None,
    }
}
