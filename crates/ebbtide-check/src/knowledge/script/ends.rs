use super::choice::FirstArgument;
use super::parser::{Choice, Item, Node};
use super::tree::{Script, Separator, Simple};
use crate::knowledge::ShellsThatStay;
use crate::model::base_name;

/// Commands that prepare or end something and do not serve.
const SHORT: [&str; 35] = [
    "cd", "export", "set", "unset", "echo", "printf", "true", "false", "exit", "return", ":", "test", "[",
    "[[", "mkdir", "chmod", "chown", "umask", "ulimit", "rm", "cp", "mv", "ln", "touch", "cat", "sleep",
    "wait", "ls", "read", "sed", "date", "id", "kill", "shift", "local",
];

/// Commands that may run anything.
const UNKNOWN: [&str; 3] = [".", "source", "eval"];

/// Signals whose handlers do not end a program.
const OTHER_TRAPS: [&str; 8] = ["EXIT", "0", "ERR", "DEBUG", "RETURN", "HUP", "SIGHUP", "WINCH"];

/// The longest chain of functions that call each other.
const MAX_CALLS: usize = 8;

/// A command that a script may end with, and that lasts.
#[derive(Debug, Clone)]
pub(crate) struct ScriptEnd {
    pub(crate) command: Simple,
    /// The shells that stay in front of it. `None` if it replaces every shell: it begins with `exec`.
    pub(crate) stays: Option<ShellsThatStay>,
}

/// Returns the commands that a script may end with: the last one, or those of the branches of the last one. It is empty if the script handles
/// the stop signal itself, runs nothing that lasts, or if this check cannot tell.
///
/// `arguments` are those of the script, if they are known: they decide which branches can run.
pub(crate) fn ends(script: &Script, arguments: Option<&[String]>) -> Vec<ScriptEnd> {
    let Some(body) = script.body.as_ref().filter(|_| !handles_signals(script)) else { return Vec::new() };
    let reader = Reader::new(script, body, arguments);
    match reader.list(body, ShellsThatStay::DASH) {
        Ending::Known(ends) => ends,
        Ending::Nothing { .. } | Ending::Unknown => Vec::new(),
    }
}

/// Returns the commands that may replace the shell of a script before it comes to its end: those with `exec`.
pub(crate) fn replacements(script: &Script, arguments: Option<&[String]>) -> Vec<Simple> {
    let mut found = Vec::new();
    if let Some(body) = &script.body {
        Reader::new(script, body, arguments).replacements(body, &mut found);
    }
    found
}

fn handles_signals(script: &Script) -> bool {
    let handles = |command: &Simple| {
        let signals = command.words.get(2..).unwrap_or_default();
        command.program() == Some("trap")
            && command.words.get(1).is_some_and(|action| action != "-")
            && signals.iter().any(|signal| !OTHER_TRAPS.contains(&signal.to_ascii_uppercase().as_str()))
    };
    script.commands.iter().any(handles)
}

enum Ending {
    Known(Vec<ScriptEnd>),
    /// Nothing that lasts. The flag is whether that depends on conditions.
    Nothing {
        is_conditional: bool,
    },
    Unknown,
}

#[derive(Clone, Copy)]
struct Reader<'s> {
    /// The whole script, which has the functions.
    body: &'s [Item],
    first: Option<FirstArgument<'s>>,
    calls: usize,
}

impl<'s> Reader<'s> {
    fn new(script: &'s Script, body: &'s [Item], arguments: Option<&'s [String]>) -> Self {
        let first = arguments.and_then(|arguments| FirstArgument::new(script, arguments));
        Self { body, first, calls: 0 }
    }

    /// Adds the commands of a list that begin with `exec`, where their branches can run. A function may be called from anywhere.
    fn replacements(self, list: &[Item], found: &mut Vec<Simple>) {
        for node in self.reached(list).iter().flat_map(|item| &item.pipeline) {
            match node {
                Node::Simple(simple) => {
                    let replaces = simple.program() == Some("exec") && simple.words.len() > 1;
                    found.extend(replaces.then(|| simple.clone()));
                }
                Node::Group(body) | Node::Function { body, .. } => self.replacements(body, found),
                Node::Loop { condition, body } => {
                    self.replacements(condition, found);
                    self.replacements(body, found);
                }
                // The shell in front of it stays.
                Node::Subshell(_) => {}
                Node::Branches { conditions, bodies, choice } => {
                    for (index, body) in bodies.iter().enumerate() {
                        match self.runs(index, conditions, choice) {
                            Some(false) => {}
                            is_certain => {
                                self.replacements(body, found);
                                if is_certain == Some(true) {
                                    break;
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Returns the end of a list. `least` is which shells stay in front of a command whose place is such as that of the list.
    fn list(self, list: &'s [Item], least: ShellsThatStay) -> Ending {
        let list = self.reached(list);
        let (mut is_last, mut is_conditional, mut waits) = (true, false, false);
        for (index, item) in list.iter().enumerate().rev() {
            let is_background = item.separator == Separator::Background;
            let ending = match item.pipeline.as_slice() {
                // The shell ends before the program does, and the container with it.
                _ if is_background && is_last => return Ending::Nothing { is_conditional },
                [node] => {
                    let in_place = ShellsThatStay { ash: false, bash: stays_in_list(list, index) };
                    self.node(node, least.and(in_place))
                }
                nodes => piped(nodes),
            };
            let waits_here = matches!(item.pipeline.as_slice(), [Node::Simple(simple)] if simple.program() == Some("wait"));
            match ending {
                Ending::Known(ends) if is_background => {
                    // Without `wait` another command decides when the shell ends.
                    if is_conditional && !waits {
                        return Ending::Unknown;
                    }
                    return Ending::Known(
                        ends.into_iter().map(|end| end.in_front(ShellsThatStay::ALL)).collect(),
                    );
                }
                Ending::Known(ends) if is_last => {
                    let mut all = self.alternative(list, index);
                    all.extend(ends);
                    return Ending::Known(all);
                }
                Ending::Known(ends) => {
                    let is_replaced = ends.iter().all(|end| end.stays.is_none());
                    if is_replaced {
                        return Ending::Known(ends);
                    }
                    if is_conditional {
                        return Ending::Unknown;
                    }
                    return Ending::Known(ends.into_iter().map(ScriptEnd::before_another).collect());
                }
                Ending::Unknown => return Ending::Unknown,
                Ending::Nothing { is_conditional: inner } => is_conditional |= inner,
            }
            waits |= waits_here;
            is_last &= matches!(item.pipeline.as_slice(), [Node::Function { .. }]);
        }
        Ending::Nothing { is_conditional }
    }

    /// Returns the ends of what runs instead of a command if a test succeeds: B of `[ … ] && B || C`.
    fn alternative(self, list: &'s [Item], index: usize) -> Vec<ScriptEnd> {
        let Some((other, before)) = list.get(..index).and_then(<[Item]>::split_last) else {
            return Vec::new();
        };
        let mut conditions =
            before.iter().rev().take_while(|item| item.separator == Separator::And).peekable();
        let is_choice = conditions.peek().is_some()
            && other.separator == Separator::Or
            && conditions
                .all(|item| matches!(item.pipeline.as_slice(), [Node::Simple(simple)] if is_test(simple)));
        let ending = match other.pipeline.as_slice() {
            [node] if is_choice => self.node(node, ShellsThatStay::ALL),
            nodes if is_choice => piped(nodes),
            _ => return Vec::new(),
        };
        match ending {
            Ending::Known(ends) => ends.into_iter().map(ScriptEnd::before_another).collect(),
            Ending::Nothing { .. } | Ending::Unknown => Vec::new(),
        }
    }

    /// Returns a list up to the command at which the script certainly ends: what is after it is never reached.
    fn reached(self, list: &[Item]) -> &[Item] {
        self.end_of(list).and_then(|end| list.get(..=end)).unwrap_or(list)
    }

    /// Returns the index of the command of a list at which the script certainly ends.
    fn end_of(self, list: &[Item]) -> Option<usize> {
        let is_certain = |at: usize| {
            let before = at.checked_sub(1).and_then(|before| list.get(before));
            before.is_none_or(|before| !matches!(before.separator, Separator::And | Separator::Or))
        };
        list.iter().enumerate().position(|(at, item)| {
            let is_own = item.separator != Separator::Background;
            matches!(item.pipeline.as_slice(), [node] if is_own && is_certain(at) && self.is_end(node))
        })
    }

    fn is_end(self, node: &Node) -> bool {
        match node {
            Node::Simple(simple) => match simple.program() {
                Some("exec") => simple.words.len() > 1,
                program => program == Some("exit"),
            },
            Node::Group(body) => self.end_of(body).is_some(),
            Node::Branches { conditions, bodies, choice } => {
                let mut all = bodies.iter().enumerate();
                let first = all.find(|(index, _)| self.runs(*index, conditions, choice) != Some(false));
                first.is_some_and(|(index, body)| {
                    self.runs(index, conditions, choice) == Some(true) && self.end_of(body).is_some()
                })
            }
            Node::Loop { .. } | Node::Subshell(_) | Node::Function { .. } => false,
        }
    }

    fn node(self, node: &'s Node, least: ShellsThatStay) -> Ending {
        // Measured: busybox ash alone executes the last command of a branch or a group in place.
        let inner = least.and(ShellsThatStay::DASH_AND_BASH);
        match node {
            Node::Simple(simple) => self.simple(simple, least),
            Node::Function { .. } => Ending::Nothing { is_conditional: false },
            Node::Group(body) => self.list(body, inner),
            Node::Subshell(body) => match self.list(body, inner) {
                // `exec` replaces the shell in between.
                Ending::Known(ends) => {
                    Ending::Known(ends.into_iter().map(|end| end.in_front(inner)).collect())
                }
                ending => ending,
            },
            Node::Loop { condition, body } => {
                let all = [body, condition].into_iter();
                let found =
                    all.map(|list| self.list(list, ShellsThatStay::ALL)).find_map(|ending| match ending {
                        Ending::Known(ends) => Some(ends),
                        Ending::Nothing { .. } | Ending::Unknown => None,
                    });
                found.map_or(Ending::Nothing { is_conditional: true }, Ending::Known)
            }
            Node::Branches { conditions, bodies, choice } => {
                let mut all = Vec::new();
                for (index, body) in bodies.iter().enumerate() {
                    match self.runs(index, conditions, choice) {
                        Some(false) => continue,
                        is_certain => {
                            match self.list(body, inner) {
                                Ending::Known(ends) => all.extend(ends),
                                Ending::Nothing { .. } => {}
                                Ending::Unknown => return Ending::Unknown,
                            }
                            if is_certain == Some(true) {
                                break;
                            }
                        }
                    }
                }
                if all.is_empty() { Ending::Nothing { is_conditional: true } } else { Ending::Known(all) }
            }
        }
    }

    fn simple(self, simple: &Simple, least: ShellsThatStay) -> Ending {
        let nothing = Ending::Nothing { is_conditional: false };
        let Some(program) = simple.program() else { return nothing };
        if program == "exec" {
            let end = ScriptEnd { command: simple.clone(), stays: None };
            // Without a program it redirects the shell's own output.
            return if simple.words.len() > 1 { Ending::Known(vec![end]) } else { nothing };
        }
        if UNKNOWN.contains(&program) {
            return Ending::Unknown;
        }
        if !lasts(simple) {
            return nothing;
        }
        let called = self.body.iter().flat_map(|item| &item.pipeline).find_map(|node| match node {
            Node::Function { name, body } if name == program => Some(body),
            _ => None,
        });
        if let Some(body) = called {
            if self.calls >= MAX_CALLS {
                return Ending::Unknown;
            }
            // The function has arguments of its own.
            let first = self.first.filter(|_| simple.words.get(1).is_some_and(|word| word == "$@"));
            let reader = Reader { calls: self.calls.saturating_add(1), first, ..self };
            return reader.list(body, ShellsThatStay::ALL);
        }
        let own = ShellsThatStay { ash: simple.is_modified, bash: simple.is_modified || simple.redirects };
        Ending::Known(vec![ScriptEnd { command: simple.clone(), stays: Some(least.and(own)) }])
    }

    /// Returns whether a branch runs, if the first argument decides it and is known.
    fn runs(self, index: usize, conditions: &[Vec<Item>], choice: &Choice) -> Option<bool> {
        self.first?.runs(index, conditions, choice)
    }
}

/// Returns whether bash stays in front of a command because of what is before it in its line. Measured: it executes in place the last of commands
/// that are joined by semicolons, and the last of those that are joined by `&&` and `||` if nothing else is in the line.
fn stays_in_list(list: &[Item], index: usize) -> bool {
    let before = list.get(..index).unwrap_or_default();
    let line = before.iter().rev().take_while(|item| !item.ends_line).map(|item| item.separator);
    let is_joined = |separator: &Separator| matches!(separator, Separator::And | Separator::Or);
    let mut rest = line.clone().skip_while(is_joined);
    if line.clone().next().is_some_and(|first| is_joined(&first)) {
        return rest.next().is_some();
    }
    rest.next() == Some(Separator::Background)
}

/// Returns the end of a pipeline, whose commands every shell waits for.
fn piped(nodes: &[Node]) -> Ending {
    let lasts =
        |simple: &&Simple| lasts(simple) && (simple.program() != Some("exec") || simple.words.len() > 1);
    let mut commands = nodes.iter().filter_map(|node| match node {
        Node::Simple(simple) => Some(simple),
        _ => None,
    });
    match commands.find(lasts) {
        Some(command) => {
            Ending::Known(vec![ScriptEnd { command: command.clone(), stays: Some(ShellsThatStay::ALL) }])
        }
        None if nodes.iter().all(|node| matches!(node, Node::Simple(_))) => {
            Ending::Nothing { is_conditional: false }
        }
        None => Ending::Unknown,
    }
}

fn is_test(simple: &Simple) -> bool {
    matches!(simple.program(), Some("[" | "[[" | "test"))
}

/// Returns whether a command may serve: it does not prepare or end something, nor does it only wait, so that killing it loses nothing.
fn lasts(simple: &Simple) -> bool {
    let words = simple.behind_env();
    let Some(program) = words.first().map(|word| base_name(word)) else { return false };
    let is_idle = program == "tail" && words.iter().any(|word| word == "/dev/null");
    !is_idle && !SHORT.contains(&program)
}

impl ScriptEnd {
    /// Returns the same command in front of which these shells stay at least, whether it begins with `exec` or not.
    fn in_front(self, stays: ShellsThatStay) -> Self {
        Self { stays: Some(self.stays.map_or(stays, |own| own.and(stays))), ..self }
    }

    /// Returns the same command as it is if others follow it.
    fn before_another(self) -> Self {
        Self { stays: self.stays.map(|_| ShellsThatStay::ALL), ..self }
    }
}
