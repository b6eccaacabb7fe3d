use std::collections::BTreeMap;
use std::time::Duration;

use super::{Command, Declared, Drain, Init, PreStop, Probe, Slot, Word};
use crate::input::Place;

/// A process of a workload that receives the stop signal.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) image: Option<Declared<String>>,
    /// What the deployment file runs instead of the image's entry point.
    pub(crate) entrypoint: Option<Command>,
    /// What the deployment file runs instead of the image's command.
    pub(crate) arguments: Option<Command>,
    /// Where its image is built.
    pub(crate) build: Option<Build>,
    /// The stage of the Dockerfile that its image is, if that is in the input.
    pub(crate) built: Option<Place>,
    /// What that image runs.
    pub(crate) built_command: Option<BuiltCommand>,
    pub(crate) variables: Vec<Variable>,
    /// The ConfigMaps that variables are from.
    pub(crate) variable_sources: Vec<VariableSource>,
    /// Whether it has variables that are not read: of a file, a Secret or a group that is not in the input. Those of `variables` count more.
    pub(crate) has_unread_variables: bool,
    /// Whether they may count more than those of `variables`.
    pub(crate) unread_count_more: bool,
    /// The names, and the assignments `NAME=value`, of variables that are removed before it starts.
    pub(crate) unset_variables: Vec<Word>,
    /// The files with further variables, in the order in which they are read.
    pub(crate) env_files: Vec<Word>,
    pub(crate) has_ports: bool,
    /// Whether it may write to a volume, as far as its format is read for that.
    pub(crate) has_volume: bool,
    /// The folders that are file systems in memory, as far as its format is read for that.
    pub(crate) in_memory: Vec<String>,
    pub(crate) pre_stop: Option<PreStop>,
    pub(crate) stop_signal: Option<Declared<String>>,
    /// The stop signal of the platform if none is written, where that is not SIGTERM or the image's.
    pub(crate) default_signal: Option<&'static str>,
    /// An init process that the platform puts before the program.
    pub(crate) init: Option<Init>,
    /// Whether it may put one there, which is only known at the deploy.
    pub(crate) has_unread_init: bool,
    /// Whether the others stop when it ends.
    pub(crate) is_essential: bool,
    /// The containers that start before it, and stop after it.
    pub(crate) depends_on: Vec<String>,
    /// Whether it may depend on others, which are only known at the deploy.
    pub(crate) has_unread_dependencies: bool,
    /// The shell of a script in shell form, if it is not `/bin/sh`.
    pub(crate) shell: Option<String>,
    /// The script that the entry point is, if it is in the input.
    pub(crate) wrapper: Option<Word>,
    /// What its Dockerfile copies from the context of the build.
    pub(crate) copies: Vec<Copied>,
    /// The folder that its command starts in, if that is known.
    pub(crate) folder: Option<String>,
    /// What a file sets that its server reads in that folder without being named.
    pub(crate) server_file: Option<ServerFile>,
    /// Packages that the image installs.
    pub(crate) packages: Vec<Word>,
    pub(crate) liveness: Option<Probe>,
    pub(crate) readiness: Option<Probe>,
    pub(crate) startup: Option<Probe>,
    /// A grace period of its own, on platforms that have one for each container.
    pub(crate) grace: Option<Declared<Duration>>,
    /// How long its platform waits before its signal, while it still serves.
    pub(crate) signal_delay: Declared<Duration>,
    /// Where that can be added, if it is not written.
    pub(crate) grace_slot: Option<Slot>,
    /// Whether a shell in front of its program keeps the stop signal from it.
    pub(crate) is_shielded: bool,
    /// The drain time that its flags or variables declare.
    pub(crate) drain: Option<Drain>,
    /// How long it keeps serving after the signal, if it is declared.
    pub(crate) lame_duck: Option<Declared<Duration>>,
    pub(crate) place: Place,
}

impl Container {
    /// Creates a container of which nothing but the name is known.
    pub(crate) fn new(name: impl Into<String>, role: Role, place: Place) -> Self {
        Self {
            name: name.into(),
            role,
            image: None,
            entrypoint: None,
            arguments: None,
            build: None,
            built: None,
            built_command: None,
            variables: Vec::new(),
            variable_sources: Vec::new(),
            has_unread_variables: false,
            unread_count_more: false,
            unset_variables: Vec::new(),
            env_files: Vec::new(),
            has_ports: false,
            has_volume: false,
            in_memory: Vec::new(),
            pre_stop: None,
            stop_signal: None,
            default_signal: None,
            init: None,
            has_unread_init: false,
            is_essential: true,
            depends_on: Vec::new(),
            has_unread_dependencies: false,
            shell: None,
            wrapper: None,
            copies: Vec::new(),
            folder: None,
            server_file: None,
            packages: Vec::new(),
            liveness: None,
            readiness: None,
            startup: None,
            grace: None,
            signal_delay: Declared::Default(Duration::ZERO),
            grace_slot: None,
            is_shielded: false,
            drain: None,
            lame_duck: None,
            place,
        }
    }

    /// Returns the whole command line, if the deployment file has the entry point.
    pub(crate) fn command(&self) -> Option<Command> {
        let mut command = self.entrypoint.clone()?;
        if let Some(arguments) = self.arguments.as_ref().filter(|_| !command.is_shell_form) {
            // The shell form of CMD is an argument too: that of `/bin/sh -c`.
            let shell = [self.shell.as_deref().unwrap_or("/bin/sh"), "-c"];
            let shell = shell.iter().filter(|_| arguments.is_shell_form);
            let word = |text: &&str| Word { text: (*text).to_owned(), place: arguments.place };
            command.words.extend(shell.map(word).chain(arguments.words.iter().cloned()));
        }
        Some(command)
    }

    /// Returns what the files run: the entry point with its arguments, else the arguments, which the image's own entry point then
    /// executes in its place, unless its Dockerfile says that it is another program. An entry point in the shell form ignores them.
    pub(crate) fn run(&self) -> Option<Command> {
        let arguments = self.arguments.as_ref().filter(|_| self.entrypoint.is_none());
        let Some(arguments) = arguments else { return self.command() };
        match self.with_built_command().command() {
            Some(command) => Some(command).filter(|command| !command.is_shell_form),
            None => Some(arguments.clone()),
        }
    }

    /// Returns the container with what its image runs, where that is built in the input and its own file does not replace it. A script that is the
    /// entry point of the image is left out: it executes the arguments in its place.
    pub(crate) fn with_built_command(&self) -> Self {
        let mut whole = self.clone();
        if let Some(built) = self.built_command.as_ref().filter(|_| self.entrypoint.is_none()) {
            whole.entrypoint = built.entrypoint.clone().filter(|command| !command.is_script());
            whole.arguments = self.arguments.clone().or_else(|| built.arguments.clone());
            whole.shell.clone_from(&built.shell);
        }
        whole
    }

    /// Notes that something which is not read may replace or remove any variable.
    pub(crate) fn forget_variables(&mut self) {
        self.variables.iter_mut().for_each(|variable| variable.value = None);
        self.has_unread_variables = true;
        self.unread_count_more = true;
    }

    /// Returns whether the platform may put an init process before the program.
    pub(crate) fn may_have_init(&self) -> bool {
        self.init.is_some() || self.has_unread_init
    }

    /// Returns whether its own file has nothing but options for what its image runs.
    pub(crate) fn has_options_alone(&self) -> bool {
        let first = self.arguments.as_ref().and_then(|command| command.words.first());
        self.entrypoint.is_none() && first.is_some_and(|word| word.text.starts_with('-'))
    }

    /// Returns whether its image is that of a proxy or an agent which usually runs beside a program.
    pub(crate) fn is_helper(&self) -> bool {
        self.image_name().is_some_and(|image| HELPERS.contains(&image))
    }

    /// Returns the words of the entry point and of the arguments that the deployment file has.
    pub(crate) fn words(&self) -> Vec<&Word> {
        self.entrypoint.iter().chain(&self.arguments).flat_map(|command| &command.words).collect()
    }

    /// Returns the image without tag and digest: `registry.example/shop/api`.
    pub(crate) fn repository(&self) -> Option<&str> {
        repository(self.image.as_ref()?.value()?)
    }

    /// Returns the image without registry, tag and digest: `library/nginx` and `nginx:1.27` are `nginx`.
    pub(crate) fn image_name(&self) -> Option<&str> {
        let image = self.image.as_ref()?.value()?;
        let without_digest = image.split('@').next()?;
        let last = without_digest.rsplit('/').next()?;
        last.split(':').next()
    }
}

/// Images of proxies and agents that run beside the program of a pod or a task, without registry and owner.
const HELPERS: [&str; 18] = [
    "aws-otel-collector",
    "aws-for-fluent-bit",
    "aws-xray-daemon",
    "cloud-sql-proxy",
    "cloudwatch-agent",
    "consul-dataplane",
    "envoy",
    "filebeat",
    "fluent-bit",
    "fluentd",
    "gce-proxy",
    "oauth2-proxy",
    "opentelemetry-collector",
    "opentelemetry-collector-contrib",
    "promtail",
    "proxyv2",
    "statsd-exporter",
    "vector",
];

/// Returns an image without tag and digest.
pub(crate) fn repository(image: &str) -> Option<&str> {
    let without_digest = image.split('@').next()?;
    // A port of the registry is before a slash.
    let tag = without_digest
        .rfind(':')
        .filter(|at| !without_digest.get(*at..).is_some_and(|rest| rest.contains('/')));
    without_digest.get(..tag.unwrap_or(without_digest.len()))
}

/// What an image that is built in the input runs.
#[derive(Clone, Debug)]
pub(crate) struct BuiltCommand {
    pub(crate) entrypoint: Option<Command>,
    pub(crate) arguments: Option<Command>,
    pub(crate) shell: Option<String>,
    /// Its stop signal, if that is known.
    pub(crate) signal: Option<Declared<String>>,
}

/// Where an image is built.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    /// The folder, relative to that of the file.
    pub(crate) context: String,
    /// The Dockerfile, relative to the context. If it is empty, Podman looks for a Containerfile, then for a Dockerfile.
    pub(crate) file: String,
    /// The stage whose image it is; the last one if none is named.
    pub(crate) target: Option<Declared<String>>,
    /// The build arguments, which take precedence over the defaults in the Dockerfile. One without a value is not known.
    pub(crate) arguments: BTreeMap<String, Option<String>>,
    /// Where the build is described.
    pub(crate) place: Place,
}

/// Files that a Dockerfile copies from the context of the build, or one that it has the text of.
#[derive(Clone, Debug)]
pub(crate) struct Copied {
    pub(crate) from: Vec<String>,
    /// The path in the image. A relative one is joined with the folder, if that is known.
    pub(crate) to: String,
    /// The text of a here document.
    pub(crate) text: Option<Word>,
}

/// What the file of a server says about its drain time.
#[derive(Clone, Debug)]
pub(crate) enum ServerFile {
    /// It sets it to a value.
    Sets(Word),
    /// It may set it, and the value is not known.
    Unread,
}

/// When a container stops, relative to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It receives the signal when the stop begins.
    Main,
    /// It receives the signal when every main container has exited.
    Sidecar,
    /// It has exited before the main containers start.
    Init,
}

/// What variables are from beside the container's own list.
#[derive(Clone, Debug)]
pub(crate) struct VariableSource {
    /// The name of a ConfigMap. `None`: it is a Secret, or is only known at the deploy.
    pub(crate) map: Option<String>,
    /// The key of one variable. Without one every key is a variable.
    pub(crate) key: Option<String>,
    /// The name of that variable, or what the names of all begin with.
    pub(crate) name: String,
}

/// An environment variable.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// The value, if the file has it rather than a reference.
    pub(crate) value: Option<String>,
    pub(crate) place: Place,
}
