use crate::model::{Command, Container, Platform, Variable};

/// Returns a container with what its image runs, and with the words that the kubelet replaces.
pub(super) fn what_runs(platform: Platform, container: &Container) -> Container {
    let mut own = container.clone();
    if matches!(platform, Platform::Kubernetes | Platform::Knative) {
        // Those of the image are not among them, and neither are those that the command sets.
        let is_own = |variable: &&Variable| {
            variable.place.source == container.place.source
                && container.words().iter().all(|word| word.place != variable.place)
        };
        let variables: Vec<&Variable> = container.variables.iter().filter(is_own).collect();
        let commands = own.entrypoint.iter_mut().chain(&mut own.arguments);
        for word in commands.flat_map(|command: &mut Command| &mut command.words) {
            word.text = replaced(&word.text, &variables);
        }
    }
    own.with_built_command()
}

/// Replaces `$(NAME)` by the value of the variable, and `$$` by `$`. What is not known stays as it is written.
fn replaced(text: &str, variables: &[&Variable]) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        let name = after.strip_prefix('(').and_then(|inside| inside.split_once(')'));
        let value = name.and_then(|(name, after)| {
            let variable = variables.iter().rev().find(|variable| variable.name == name)?;
            let value = variable.value.as_deref().filter(|value| !value.contains('$'))?;
            Some((value, after))
        });
        rest = match (after.strip_prefix('$'), value) {
            (Some(after), _) => {
                result.push('$');
                after
            }
            (None, Some((value, after))) => {
                result.push_str(value);
                after
            }
            (None, None) => {
                result.push('$');
                after
            }
        };
    }
    result.push_str(rest);
    result
}
