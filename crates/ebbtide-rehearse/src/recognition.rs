//! Recognises the server of a service: by the programs of its processes, the headers of a response, and what it printed.

use std::time::Duration;

use ebbtide_http1::Response;
use http::header::{CONNECTION, HOST, HeaderMap, HeaderValue, USER_AGENT};
use tokio::time::timeout;

use super::child::{Service, ServiceProgram, programs, tail};
use super::record::{Recognised, ServerKind};
use super::scenario::Protocol;
use super::wire::{Address, RawConnection, Socket};

/// The timeout of the response whose headers are read.
const LOOK: Duration = Duration::from_secs(1);
/// How many lines of the output are searched for a banner.
const LINES: usize = 200;

/// What a service shows of its server.
#[derive(Debug, Default)]
struct Signs {
    /// Its processes, those that listen first.
    programs: Vec<ServiceProgram>,
    /// The `Server` header of a response.
    server: Option<String>,
    /// The `X-Powered-By` header of a response.
    powered_by: Option<String>,
    /// The last lines that it printed.
    output: Vec<String>,
}

/// Returns the servers of `service`, which is ready at `home` and is asked for `path`; first a wrapper that gets the signal in the place of the server, then
/// the server that listens, then others.
pub(super) async fn recognise(service: &Service, home: &Address, path: Option<&str>) -> Vec<Recognised> {
    let response = match path {
        Some(path) => timeout(LOOK, response(home, path)).await.ok().flatten(),
        None => None,
    };
    let header = |name| {
        let value = response.as_ref()?.header_bytes(name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    let signs = Signs {
        programs: programs(service.family(), &home.socket),
        server: header("server"),
        powered_by: header("x-powered-by"),
        output: tail(service.log(), LINES),
    };
    servers(&signs)
}

/// Returns the response to a GET of `path`, on a connection of its own. `None`: there is none of HTTP/1.
async fn response(to: &Address, path: &str) -> Option<Response> {
    if to.template.protocol != Protocol::Http1 {
        return None;
    }
    let mut headers = HeaderMap::new();
    headers.insert(HOST, to.authority.parse().ok()?);
    headers.insert(USER_AGENT, HeaderValue::from_static("ebbtide-rehearse"));
    to.template.add_headers(&mut headers);
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let mut request = format!("GET {path} HTTP/1.1\r\n").into_bytes();
    for (name, value) in &headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            request.extend_from_slice(part);
        }
    }
    request.extend_from_slice(b"\r\n");
    let mut connection = RawConnection::new(Socket::connect(to).await.ok()?);
    connection.write(&request).await.ok()?;
    connection.response().await
}

fn servers(signs: &Signs) -> Vec<Recognised> {
    let mut found: Vec<Recognised> = wrapper(signs).into_iter().collect();
    let listens = signs.programs.iter().find(|program| program.listens);
    match listens {
        Some(program) => found.extend(listener(program, signs)),
        // Its processes are not below this one, as behind `docker run`: only the response can tell.
        None => found.extend(by_header(signs, true)),
    }
    let others = signs.programs.iter().filter(|program| !program.listens);
    found.extend(others.filter_map(|program| {
        let name = named(program).filter(|(server, _)| *server == ServerKind::PhpFpm);
        name.map(|(server, word)| Recognised { server, by: format!("a process of the service is `{word}`") })
    }));
    found.dedup_by_key(|recognised| recognised.server);
    found
}

/// A process that was started, does not listen, and has a child that does.
fn wrapper(signs: &Signs) -> Option<Recognised> {
    let main = signs.programs.iter().find(|program| program.main && !program.listens)?;
    let child = signs.programs.iter().find(|program| program.listens)?;
    let first = main.words.first().map_or("", String::as_str);
    let is_manager = |word: &str| {
        ["npm", "npm-cli.js", "pnpm", "pnpm.cjs", "yarn", "yarn.js"].contains(&base(word))
            || ["npm ", "pnpm ", "yarn "].iter().any(|title| word.starts_with(title))
    };
    let server =
        if SHELLS.contains(&main.name.as_str()) || main.name == "busybox" && SHELLS.contains(&base(first)) {
            ServerKind::Shell
        } else if main.words.iter().take(2).any(|word| is_manager(word)) {
            ServerKind::Npm
        } else {
            return None;
        };
    let name = if server == ServerKind::Npm { "npm" } else { main.name.as_str() };
    Some(Recognised {
        server,
        by: format!("the command is `{name}`, and its child process `{}` listens", child.name),
    })
}

const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "zsh", "ksh"];

/// The server of a process that listens.
fn listener(program: &ServiceProgram, signs: &Signs) -> Option<Recognised> {
    let by_name = named(program)
        .map(|(server, word)| Recognised { server, by: format!("the process that listens is `{word}`") });
    // What the response names runs in that process.
    if by_name.as_ref().is_some_and(|known| known.server != ServerKind::Node) {
        return by_name;
    }
    let spring = || {
        let banner = signs.output.iter().find(|line| line.contains(":: Spring Boot ::"));
        (program.name == "java" && banner.is_some()).then(|| Recognised {
            server: ServerKind::Spring,
            by: "its output has the banner of Spring Boot".to_owned(),
        })
    };
    let go = || {
        let by = format!("the process that listens, `{}`, is a Go program", program.name);
        program.go.then_some(Recognised { server: ServerKind::Go, by })
    };
    by_header(signs, false).or(by_name).or_else(spring).or_else(go)
}

/// The server that the command line of a process names, and the word by which it does.
fn named(program: &ServiceProgram) -> Option<(ServerKind, String)> {
    let by_program = |name: &str| {
        Some(match name {
            "nginx" | "openresty" => ServerKind::Nginx,
            "haproxy" => ServerKind::Haproxy,
            "apache2" | "httpd" => ServerKind::Apache,
            "caddy" => ServerKind::Caddy,
            name if name.starts_with("php-fpm") => ServerKind::PhpFpm,
            _ => return None,
        })
    };
    if let Some(server) = by_program(&program.name) {
        return Some((server, program.name.clone()));
    }
    // An interpreter: its script, or the module after `-m`, names the server. A title that a process gave itself begins with the
    // name, as in `gunicorn: master [app]`.
    let title = |word: &String| base(word.split([':', ' ']).next().unwrap_or(word)).to_owned();
    let names = |word: &String| {
        let name = title(word);
        Some(match name.as_str() {
            "uvicorn" => ServerKind::Uvicorn,
            "gunicorn" => ServerKind::Gunicorn,
            "hypercorn" => ServerKind::Hypercorn,
            "puma" => ServerKind::Puma,
            "fastify" => ServerKind::Fastify,
            "org.apache.catalina.startup.Bootstrap" => ServerKind::Tomcat,
            name if name.starts_with("org.springframework.boot.") => ServerKind::Spring,
            _ => return None,
        })
    };
    // Options of the Java machine come before its class.
    let most = if program.name == "java" { usize::MAX } else { 4 };
    let found = program.words.iter().take(most).find_map(|word| Some((names(word)?, title(word))));
    if found.is_some() {
        return found;
    }
    match program.name.as_str() {
        "node" | "nodejs" => Some((ServerKind::Node, program.name.clone())),
        "dotnet" => Some((ServerKind::Kestrel, program.name.clone())),
        _ => None,
    }
}

/// The server that a response names: any with `all`, otherwise one that is a library of the process that listens.
fn by_header(signs: &Signs, all: bool) -> Option<Recognised> {
    let known = |value: &str| {
        let lower = value.to_ascii_lowercase();
        let begins = |name: &str| lower.starts_with(name);
        Some(match () {
            () if begins("uvicorn") => ServerKind::Uvicorn,
            () if begins("hypercorn") => ServerKind::Hypercorn,
            () if begins("gunicorn") => ServerKind::Gunicorn,
            () if begins("kestrel") => ServerKind::Kestrel,
            () if all && begins("nginx") => ServerKind::Nginx,
            () if all && begins("apache") && !begins("apache-coyote") => ServerKind::Apache,
            () if all && begins("caddy") => ServerKind::Caddy,
            () => return None,
        })
    };
    let powered = |value: &str| (value == "Express").then_some(ServerKind::Express);
    let by = |name: &str, value: &str| format!("its responses have `{name}: {value}`");
    let server = signs.server.as_deref().and_then(|value| Some((known(value)?, by("Server", value))));
    let powered = || {
        let value = signs.powered_by.as_deref()?;
        Some((powered(value)?, by("X-Powered-By", value)))
    };
    server.or_else(powered).map(|(server, by)| Recognised { server, by })
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str, line: &str) -> ServiceProgram {
        let words = line.split('|').map(str::to_owned).collect();
        ServiceProgram { name: name.to_owned(), words, main: true, listens: true, go: false }
    }

    fn found(signs: &Signs) -> Vec<(ServerKind, String)> {
        servers(signs).into_iter().map(|found| (found.server, found.by)).collect()
    }

    #[test]
    fn each_server_is_recognised_by_the_process_that_listens() {
        for (name, line, server) in [
            ("nginx", "nginx: master process nginx -g daemon off;", ServerKind::Nginx),
            ("haproxy", "haproxy|-db|-f|haproxy.cfg", ServerKind::Haproxy),
            ("apache2", "/usr/sbin/apache2|-k|start", ServerKind::Apache),
            ("httpd", "httpd|-DFOREGROUND", ServerKind::Apache),
            ("caddy", "caddy|run", ServerKind::Caddy),
            ("php-fpm8.2", "php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)", ServerKind::PhpFpm),
            ("python3.11", "/usr/bin/python3|/usr/local/bin/uvicorn|app:app", ServerKind::Uvicorn),
            ("python3.11", "python3|-m|uvicorn|app:app", ServerKind::Uvicorn),
            ("python3.11", "gunicorn: master [app:app]", ServerKind::Gunicorn),
            (
                "python3.11",
                "/usr/bin/python3|/usr/bin/gunicorn|-k|uvicorn.workers.UvicornWorker",
                ServerKind::Gunicorn,
            ),
            ("python3.11", "/usr/bin/python3|-u|/usr/bin/hypercorn|app:app", ServerKind::Hypercorn),
            ("ruby3.1", "puma 5.6.5 (tcp://127.0.0.1:80) [shop]", ServerKind::Puma),
            (
                "java",
                "java|-Xmx1g|-Da=b|-Dc=d|-De=f|org.apache.catalina.startup.Bootstrap|start",
                ServerKind::Tomcat,
            ),
            (
                "java",
                "java|-cp|app.jar|org.springframework.boot.loader.launch.JarLauncher",
                ServerKind::Spring,
            ),
            ("node", "node|server.js", ServerKind::Node),
            ("node", "/usr/bin/node|/app/node_modules/.bin/fastify|start|app.js", ServerKind::Fastify),
            ("dotnet", "dotnet|Shop.dll", ServerKind::Kestrel),
        ] {
            let signs = Signs { programs: vec![program(name, line)], ..Signs::default() };
            let found = found(&signs);
            assert_eq!(found.iter().map(|(server, _)| *server).collect::<Vec<_>>(), [server], "{line}");
            assert!(found[0].1.starts_with("the process that listens is `"), "{}", found[0].1);
        }
        let go = ServiceProgram { go: true, ..program("shop", "./shop") };
        let signs = Signs { programs: vec![go], ..Signs::default() };
        let by = "the process that listens, `shop`, is a Go program".to_owned();
        assert_eq!(found(&signs), [(ServerKind::Go, by)]);
    }

    #[test]
    fn no_server_is_made_up() {
        for (name, line) in [
            ("shop", "./shop|nginx.conf"),
            ("python3.11", "python3|server.py"),
            ("python3.11", "python3|serve.py|--like|x|uvicorn"),
            ("java", "java|-jar|shop.jar"),
            ("ruby3.1", "ruby|app.rb"),
        ] {
            let signs = Signs {
                programs: vec![program(name, line)],
                // What a server behind it sent.
                server: Some("nginx/1.22.1".to_owned()),
                powered_by: Some("PHP/8.2".to_owned()),
                ..Signs::default()
            };
            assert!(found(&signs).is_empty(), "{line}");
        }
        assert!(found(&Signs::default()).is_empty());
    }

    #[test]
    fn a_library_in_the_process_is_recognised_by_the_response() {
        for (name, server, powered_by, kind, by) in [
            ("python3.11", "uvicorn", "", ServerKind::Uvicorn, "`Server: uvicorn`"),
            ("python3.11", "hypercorn-h11", "", ServerKind::Hypercorn, "`Server: hypercorn-h11`"),
            ("shop", "Kestrel", "", ServerKind::Kestrel, "`Server: Kestrel`"),
            ("node", "", "Express", ServerKind::Express, "`X-Powered-By: Express`"),
        ] {
            let signs = Signs {
                programs: vec![program(name, "server.py")],
                server: Some(server.to_owned()),
                powered_by: Some(powered_by.to_owned()),
                ..Signs::default()
            };
            assert_eq!(found(&signs), [(kind, format!("its responses have {by}"))]);
        }
        let spring = Signs {
            programs: vec![program("java", "java|-jar|shop.jar")],
            output: vec![" :: Spring Boot ::                (v3.4.1)".to_owned()],
            ..Signs::default()
        };
        let by = "its output has the banner of Spring Boot".to_owned();
        assert_eq!(found(&spring), [(ServerKind::Spring, by)]);
    }

    #[test]
    fn a_response_alone_tells_where_no_process_of_the_service_listens() {
        let docker = ServiceProgram { listens: false, ..program("docker", "docker|run|nginx") };
        let server = Some("nginx/1.27.0".to_owned());
        let signs = Signs { programs: vec![docker], server, ..Signs::default() };
        let by = "its responses have `Server: nginx/1.27.0`".to_owned();
        assert_eq!(found(&signs), [(ServerKind::Nginx, by)]);
    }

    #[test]
    fn a_wrapper_comes_before_the_server_that_it_started() {
        let child = ServiceProgram { main: false, ..program("node", "node|server.js") };
        for (name, line, kind, shown) in [
            ("dash", "sh|-c|node server.js; echo stopped", ServerKind::Shell, "dash"),
            ("busybox", "sh|start.sh", ServerKind::Shell, "busybox"),
            ("node", "npm start", ServerKind::Npm, "npm"),
            ("node", "node|/usr/bin/npm|start", ServerKind::Npm, "npm"),
        ] {
            let main = ServiceProgram { listens: false, ..program(name, line) };
            let found = found(&Signs { programs: vec![child.clone(), main], ..Signs::default() });
            let by = format!("the command is `{shown}`, and its child process `node` listens");
            assert_eq!(found[0], (kind, by));
            assert_eq!(found[1].0, ServerKind::Node);
        }
        // It forwards signals.
        let tini = ServiceProgram { listens: false, ..program("tini", "tini|--|node|server.js") };
        assert_eq!(found(&Signs { programs: vec![child, tini], ..Signs::default() }).len(), 1);
    }

    #[test]
    fn php_fpm_behind_another_server_is_recognised_too() {
        let nginx = program("nginx", "nginx");
        let fpm = ServiceProgram { listens: false, main: false, ..program("php-fpm8.2", "php-fpm: master") };
        let found = found(&Signs { programs: vec![nginx, fpm.clone(), fpm], ..Signs::default() });
        let kinds: Vec<ServerKind> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [ServerKind::Nginx, ServerKind::PhpFpm]);
        assert_eq!(found[1].1, "a process of the service is `php-fpm8.2`");
    }
}
