use std::time::Duration;

use crate::formats::scalar::{self, DRAIN, LAME_DUCK, declared_drain};
use crate::input::Place;
use crate::knowledge::split_words;
use crate::model::{Annotation, Command, Container, Declared, Drain, Init, Variable, Word, Workload};
use crate::tree::Node;

/// The begin of a part that Ruby computes when the file is read.
const COMPUTED: &str = "<%";

/// The time that `docker stop` waits for a container that was created without another one.
pub(super) const DOCKER: Duration = Duration::from_secs(10);

/// Reads the options of `docker run`, and the command, which Docker runs without a shell.
pub(super) fn read_options(container: &mut Container, options: Option<&Node>, command: Option<&Node>) {
    let option = |key: &str| options.and_then(|options| options.get(key));
    container.stop_signal = option("stop-signal").map(text);
    let has_init = option("init").and_then(Node::boolean).unwrap_or(false);
    container.init = has_init.then_some(Init { signals_group: false });
    container.entrypoint = option("entrypoint").and_then(|node| {
        let word = Word { text: plain(node)?.to_owned(), place: node.place };
        Some(Command { words: vec![word], is_shell_form: false, place: node.place })
    });
    container.arguments = command.and_then(|node| {
        let place = node.place;
        let words =
            split_words(plain(node)?).into_iter().map(|text| Word { text, place }).collect::<Vec<_>>();
        (!words.is_empty()).then_some(Command { words, is_shell_form: false, place })
    });
}

/// Reads the time among the options of `docker run`.
pub(super) fn option_timeout(options: Option<&Node>) -> Option<Declared<Duration>> {
    let node = options?.get("stop-timeout")?;
    Some(scalar::duration(Some(node), DOCKER))
}

/// Reads whether the container is started again when it ends, as it is unless an option says otherwise.
pub(super) fn runs_always(options: Option<&Node>) -> bool {
    options
        .and_then(|options| options.text_of("restart"))
        .is_none_or(|policy| matches!(policy, "always" | "unless-stopped"))
}

/// Reads labels, of which the later ones replace the earlier ones.
pub(super) fn read_labels(workload: &mut Workload, labels: &[Option<&Node>]) {
    let entries = labels.iter().rev().flatten().flat_map(|node| node.entries());
    for entry in entries {
        let Some(value) = plain(&entry.node) else { continue };
        if workload.annotations.iter().all(|label| label.key != entry.key) {
            let place: Place = entry.node.place;
            workload.annotations.push(Annotation { key: entry.key.clone(), value: value.to_owned(), place });
        }
    }
    let label = |key: &str| workload.annotations.iter().find(|label| label.key == key);
    let drain: Option<Drain> =
        label(DRAIN).and_then(|label| declared_drain("label", &label.value, label.place));
    let lame_duck = label(LAME_DUCK).and_then(|label| {
        crate::model::go_duration(&label.value).map(|time| Declared::Written(time, label.place))
    });
    (workload.drain, workload.lame_duck) = (drain, lame_duck);
}

/// Reads the variables. Those that are secret have no known value, and later ones replace earlier ones.
pub(super) fn variables(env: &[Option<&Node>]) -> Vec<Variable> {
    let mut all: Vec<Variable> = Vec::new();
    for node in env.iter().flatten() {
        let has_parts = ["secret", "tags", "clear"].iter().any(|key| node.get(key).is_some());
        let clear = if has_parts { node.get("clear") } else { Some(*node) };
        let secret = node.get("secret").map_or(&[][..], Node::items).iter();
        // `NAME:OTHER` is the secret of another name.
        let secret = secret.filter_map(|name| {
            let text = name.text()?;
            let name_of_variable = text.split_once(':').map_or(text, |(own, _)| own).to_owned();
            Some(Variable { name: name_of_variable, value: None, place: name.place })
        });
        for variable in scalar::variables(clear).into_iter().chain(secret) {
            all.retain(|present| present.name != variable.name);
            all.push(variable);
        }
    }
    all
}

/// Reads a text that is not computed.
pub(super) fn text(node: &Node) -> Declared<String> {
    match plain(node) {
        Some(text) => Declared::Written(text.to_owned(), node.place),
        None => Declared::Unresolved(node.place),
    }
}

fn plain(node: &Node) -> Option<&str> {
    node.text().filter(|text| !text.contains(COMPUTED))
}
