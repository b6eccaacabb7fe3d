use std::time::Duration;

use super::fields::{Block, duration, field, unlabelled};
use super::template;
use crate::formats::scalar::{DRAIN, LAME_DUCK, command, declared_drain, text, variables};
use crate::formats::times::Form;
use crate::model::{Command, Container, Declared, Drain, Role, Word, seconds};
use crate::tree::{Node, Value};

/// Reads a task.
pub(super) fn task(block: &Block<'_>) -> Container {
    let lifecycle = field(block.body, "lifecycle");
    let mut task = Container::new(block.name, role(lifecycle), block.place);
    let driver = field(block.body, "driver").and_then(Node::text).unwrap_or_default();
    let runs_directly = matches!(driver, "exec" | "exec2" | "raw_exec" | "java");
    if let Some(config) = field(block.body, "config") {
        let run = if driver == "java" { java(config) } else { joined(config) };
        if runs_directly {
            task.entrypoint = run;
        } else {
            task.image = field(config, "image").map(text);
            task.entrypoint = config.get("entrypoint").and_then(command);
            task.arguments = run;
            // One that is only known at the deploy is no folder of the image.
            task.folder = config.get("work_dir").map(|node| node.text().unwrap_or("$").to_owned());
        }
    }
    task.variables = variables(field(block.body, "env"));
    template::replace_variables(&mut task, unlabelled(block.body, "template", "Templates"));
    task.default_signal = runs_directly.then_some("SIGINT");
    task.stop_signal = field(block.body, "kill_signal").filter(|node| node.text() != Some("")).map(text);
    task.grace = Some(kill_timeout(block.body));
    task.lame_duck = lame_duck(block.body);
    task.drain = drain(block.body);
    task
}

/// Reads the drain time that `meta` declares.
pub(super) fn drain(body: &Node) -> Option<Drain> {
    let node = field(body, "meta")?.get(DRAIN)?;
    declared_drain("meta", node.text()?, node.place)
}

/// Reads the lame duck that `meta` declares.
pub(super) fn lame_duck(body: &Node) -> Option<Declared<Duration>> {
    field(body, "meta")?.get(LAME_DUCK).map(|node| Form::Units.written(node))
}

/// Reads the kill timeout. The API writes 0 for one that is not set.
fn kill_timeout(body: &Node) -> Declared<Duration> {
    let node = field(body, "kill_timeout").filter(|node| node.integer() != Some(0));
    duration(node, seconds(5))
}

fn role(lifecycle: Option<&Node>) -> Role {
    let Some(lifecycle) = lifecycle else { return Role::Main };
    let is_sidecar = field(lifecycle, "sidecar").and_then(Node::boolean).unwrap_or(false);
    if is_sidecar { Role::Sidecar } else { Role::Init }
}

/// Reads `command` and `args`, which are one command line.
fn joined(config: &Node) -> Option<Command> {
    let first = config.get("command");
    let args = config.get("args").and_then(command);
    let Some(first) = first.and_then(|node| Some((node.written()?, node.place))) else { return args };
    let word = Word { text: first.0.to_owned(), place: first.1 };
    let words = std::iter::once(word).chain(args.into_iter().flat_map(|args| args.words)).collect();
    Some(Command { words, is_shell_form: false, place: first.1 })
}

/// Returns the command line that the driver `java` makes of its settings: `java [jvm_options] [-cp class_path] (-jar jar_path | class) [args]`.
fn java(config: &Node) -> Option<Command> {
    let word = |text: &str, node: &Node| Word { text: text.to_owned(), place: node.place };
    let value = |key: &str| config.get(key).and_then(|node| Some(word(node.written()?, node)));
    let after = |option: &str, key: &str| {
        let (node, value) = (config.get(key)?, value(key)?);
        Some([word(option, node), value])
    };
    // A list that is only known at the deploy is an empty word.
    let list = |key: &str| match config.get(key) {
        Some(node) if node.items().is_empty() && !matches!(node.value, Value::List(_)) => {
            vec![word("", node)]
        }
        node => node.and_then(command).map(|list| list.words).unwrap_or_default(),
    };
    let mut words = vec![word("java", config)];
    words.extend(list("jvm_options"));
    words.extend(after("-cp", "class_path").into_iter().flatten());
    words.extend(after("-jar", "jar_path").into_iter().flatten());
    words.extend(value("class").filter(|_| config.get("jar_path").is_none()));
    words.extend(list("args"));
    Some(Command { words, is_shell_form: false, place: config.place })
}
