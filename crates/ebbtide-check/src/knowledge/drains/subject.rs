use super::runtime::Runtime;
use crate::knowledge::{Program, is_stateful, possible_programs, server_of_image};
use crate::model::{Container, Word, base_name};

/// What a container runs, as far as its drain is concerned.
#[derive(Debug)]
pub(super) enum Subject {
    /// A known server with its arguments.
    Server(Runtime, Vec<Word>),
    /// A program that the files do not show: that of the image, a script, a variable. The words are its arguments.
    Hidden(Vec<Word>),
    /// A program of any kind, such as one that is compiled.
    Program(Vec<Word>),
    /// A program that is certainly none of the servers.
    Other,
}

impl Subject {
    /// Returns the arguments of the program.
    pub(super) fn words(&self) -> &[Word] {
        match self {
            Self::Server(_, words) | Self::Hidden(words) | Self::Program(words) => words,
            Self::Other => &[],
        }
    }
}

/// Programs in front of a server that execute it. What they have as options is theirs.
const RUNNERS: [&str; 17] = [
    "bundle",
    "chpst",
    "ddtrace-run",
    "dockerize",
    "doppler",
    "dotenv",
    "env",
    "newrelic-admin",
    "nice",
    "opentelemetry-instrument",
    "poetry",
    "s6-setuidgid",
    "setpriv",
    "stdbuf",
    "sudo",
    "timeout",
    "uv",
];

/// Programs that are no server with a drain time, and interpreters of another language than Java and C#.
const OTHERS: [&str; 32] = [
    "air",
    "bun",
    "caddy",
    "celery",
    "cron",
    "crond",
    "deno",
    "envoy",
    "flask",
    "haproxy",
    "httpd",
    "apache2",
    "mongod",
    "mysqld",
    "node",
    "nodejs",
    "npm",
    "npx",
    "perl",
    "php",
    "php-fpm",
    "pnpm",
    "postgres",
    "puma",
    "rails",
    "rake",
    "redis-server",
    "ruby",
    "sleep",
    "tail",
    "unicorn",
    "yarn",
];

/// Official images of interpreters and proxies, without registry and owner, whose own command is none of the servers.
const OTHER_IMAGES: [&str; 10] =
    ["bun", "busybox", "caddy", "deno", "envoy", "node", "php", "python", "ruby", "memcached"];

/// Returns what a container may run: several if a script decides.
pub(super) fn subjects(container: &Container) -> Vec<Subject> {
    let programs = possible_programs(container);
    if programs.is_empty() || programs.iter().all(|program| program.name().starts_with('-')) {
        let options = programs.into_iter().next().map(|program| program.words).unwrap_or_default();
        return vec![of_image(container, options)];
    }
    programs.iter().map(of_program).collect()
}

/// Returns the name of the server that a program is, or executes.
pub(crate) fn server_name(program: &Program) -> &str {
    server(&program.words).map_or(program.name(), |(runtime, _)| runtime.name())
}

fn of_image(container: &Container, options: Vec<Word>) -> Subject {
    let Some(name) = container.image_name() else { return Subject::Hidden(options) };
    let image = container.image.as_ref().and_then(|image| image.value()).map_or("", String::as_str);
    let server = server_of_image(image).map(|server| Runtime::of_program(server.name));
    match server
        .or_else(|| Runtime::of_program(name).filter(|runtime| *runtime == Runtime::Traefik).map(Some))
    {
        Some(Some(runtime)) => Subject::Server(runtime, options),
        Some(None) => Subject::Other,
        None if OTHER_IMAGES.contains(&name) || is_stateful(name) => Subject::Other,
        None => Subject::Hidden(options),
    }
}

fn of_program(program: &Program) -> Subject {
    let words = &program.words;
    let name = program.name();
    if let Some((runtime, arguments)) = server(words) {
        return Subject::Server(runtime, arguments.to_vec());
    }
    let rest = words.get(1..).unwrap_or_default().to_vec();
    let is_variable = name.is_empty() || name.contains(['$', '{', '<']);
    if is_variable || is_script(name) || name.starts_with('-') {
        Subject::Hidden(rest)
    } else if OTHERS.contains(&name) || is_python(name) || RUNNERS.contains(&name) {
        Subject::Other
    } else {
        Subject::Program(rest)
    }
}

/// Returns the server that a command line executes, and its arguments. A command line may be as long as a file: no word is looked at twice.
fn server(words: &[Word]) -> Option<(Runtime, &[Word])> {
    let mut ends = (0..).zip(words).filter(|(_, word)| word.text == "--").map(|(at, _)| at).peekable();
    let mut at = 0_usize;
    loop {
        let (first, rest) = words.get(at..)?.split_first()?;
        let name = base_name(&first.text);
        if let Some(runtime) = Runtime::of_program(name) {
            return Some((runtime, rest));
        }
        if is_python(name) {
            return python(rest);
        }
        while ends.next_if(|end| *end <= at).is_some() {}
        at = match ends.peek() {
            Some(end) => end.saturating_add(1),
            // It executes its arguments in its place.
            None if is_script(name) => at.saturating_add(1),
            None if RUNNERS.contains(&name) => return operand(rest),
            None => return None,
        };
    }
}

/// Returns the first server among the words of a runner that is no value of an option.
fn operand(words: &[Word]) -> Option<(Runtime, &[Word])> {
    let is_value = |at: usize| at > 0 && words.get(at - 1).is_some_and(|word| word.text.starts_with('-'));
    let operands = words.iter().enumerate().filter(|(at, _)| !is_value(*at));
    let mut starts = operands.filter_map(|(at, word)| {
        let (name, rest) = (base_name(&word.text), words.get(at.saturating_add(1)..)?);
        let runtime = Runtime::of_program(name).map(|runtime| (runtime, rest));
        runtime.or_else(|| is_python(name).then(|| python(rest)).flatten())
    });
    starts.next()
}

/// Returns the server that Python runs as a module, or as a file.
fn python(arguments: &[Word]) -> Option<(Runtime, &[Word])> {
    let mut at = 0_usize;
    while let Some(word) = arguments.get(at).map(|word| word.text.as_str()) {
        let next = at.saturating_add(1);
        match word {
            "-m" => {
                let module = arguments.get(next)?;
                return Some((Runtime::of_program(&module.text)?, arguments.get(next.saturating_add(1)..)?));
            }
            "-c" => return None,
            "-W" | "-X" => at = next.saturating_add(1),
            _ if word.starts_with('-') => at = next,
            _ => return Some((Runtime::of_program(base_name(word))?, arguments.get(next..)?)),
        }
    }
    None
}

fn is_python(name: &str) -> bool {
    name.strip_prefix("python")
        .is_some_and(|version| version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

fn is_script(name: &str) -> bool {
    name.ends_with(".sh") || name.contains("entrypoint") || name == "wait-for" || name == "wait-for-it"
}
