//! Which command of an image a shell stays in front of.

use super::words::{has_other_shell, shell_of, shell_of_program};
use crate::input::Place;
use crate::knowledge::{Script, ScriptEnd, ShellsThatStay, ends, shells_that_stay, within};
use crate::model::{Container, Word};

/// Returns the commands that the entry point script of an image may end with.
pub(super) fn script_ends(container: &Container, script: &Word) -> Vec<ScriptEnd> {
    let run = container.run().map(|run| run.without_init().1);
    let arguments = run.iter().flat_map(|run| run.file_words().iter().skip(1));
    let arguments: Vec<String> = arguments.map(|word| word.text.clone()).collect();
    // The shell of a script stays: only `sh -c` replaces itself.
    ends(&Script::read(&script.text), Some(&arguments))
}

/// Returns the command that a shell certainly stays in front of as process 1, whatever the shell of the image is or because that is known.
pub(super) fn behind_shell(image: &Container) -> Option<Place> {
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
