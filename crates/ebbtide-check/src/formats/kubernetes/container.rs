use super::config;
use super::probe::probe;
use super::scalar;
use crate::formats::times::Form;
use crate::knowledge::{is_errexit, lacks, least_sleep};
use crate::model::{Command, Container, Declared, PreStop, PreStopAction, Role, Variable, Word};
use crate::tree::Node;

/// Reads a container.
pub(super) fn container(node: &Node, role: Role) -> Option<Container> {
    let name = node.get("name");
    let place = name.map_or(node.place, |name| name.place);
    node.entries().first()?;
    let lifecycle = node.get("lifecycle");
    let mut container = Container::new(name.and_then(Node::text).unwrap_or_default(), role, place);
    container.image = node.get("image").map(scalar::text);
    container.entrypoint = command(node.get("command"));
    container.arguments = command(node.get("args"));
    container.variables = node.list("env").iter().filter_map(variable).collect();
    container.variable_sources = config::sources(node);
    container.folder = node.text_of("workingDir").map(str::to_owned);
    container.has_ports = !node.list("ports").is_empty();
    container.pre_stop = lifecycle.and_then(|lifecycle| lifecycle.get("preStop")).map(pre_stop);
    let image = container.image.as_ref().and_then(Declared::value);
    if let Some(PreStop { action: PreStopAction::Exec(command), least, .. }) = &mut container.pre_stop
        && image.is_some_and(|image| command.program().is_some_and(|program| lacks(image, program)))
    {
        // It fails at once.
        *least = None;
    }
    container.stop_signal = lifecycle.and_then(|lifecycle| lifecycle.get("stopSignal")).map(scalar::text);
    container.liveness = probe(node.get("livenessProbe"));
    container.readiness = probe(node.get("readinessProbe"));
    container.startup = probe(node.get("startupProbe"));
    Some(container)
}

/// Reads a list of words that runs without a shell.
fn command(node: Option<&Node>) -> Option<Command> {
    let node = node?;
    let word = |item: &Node| Some(Word { text: item.text()?.to_owned(), place: item.place });
    let words: Vec<Word> = node.items().iter().filter_map(word).collect();
    (!words.is_empty()).then_some(Command { words, is_shell_form: false, place: node.place })
}

fn variable(node: &Node) -> Option<Variable> {
    let value = node.get("value");
    Some(Variable {
        name: node.text_of("name")?.to_owned(),
        value: value.and_then(Node::text).map(str::to_owned),
        place: value.map_or(node.place, |value| value.place),
    })
}

fn pre_stop(node: &Node) -> PreStop {
    let (action, least) = if let Some(sleep) = node.get("sleep") {
        let time = sleep.get("seconds").and_then(|node| Some((Form::Number.read(node)?, node.place)));
        (PreStopAction::Sleep, time)
    } else if let Some(command) = node.get("exec").and_then(|exec| command(exec.get("command"))) {
        let time = exec_time(&command).map(|time| (time, command.place));
        (PreStopAction::Exec(command), time)
    } else {
        (PreStopAction::Network, None)
    };
    PreStop { action, least, place: node.place }
}

/// Returns how long a hook sleeps, which is how long it takes at least.
fn exec_time(command: &Command) -> Option<std::time::Duration> {
    match command.script() {
        Some(script) => {
            let before = command.program_words().iter().skip(1).take_while(|word| word.place != script.place);
            least_sleep(&script.text, before.into_iter().any(|option| is_errexit(&option.text)))
        }
        None if matches!(command.program(), Some("sleep" | "tail")) => {
            least_sleep(&command.texts().join(" "), false)
        }
        None => None,
    }
}
