/// A server whose official image has a stop signal of its own.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) signal: &'static str,
    /// The begins of the names of the programs that its image is made for.
    pub(crate) programs: &'static [&'static str],
    /// The begins of the names of the server itself.
    daemons: &'static [&'static str],
    /// The begins of the names of the packages that have it.
    packages: &'static [&'static str],
    /// The signals that stop it at once, without `SIG`, and what users see then.
    fast: &'static [&'static str],
    effect: &'static str,
}

impl Server {
    /// Returns whether a program is the server, and not a script or a tool that controls it.
    pub(crate) fn is(&self, program: &str) -> bool {
        self.daemons.iter().any(|own| program.starts_with(own)) && !program.ends_with("ctl")
    }

    /// Returns whether a package, which may have a version, has the server.
    pub(crate) fn is_in(&self, package: &str) -> bool {
        let name = package.split(['=', '~', '<', '>', '@']).next().unwrap_or(package);
        // `php8.2-fpm`, `php83-fpm`
        let is_php = self.name == PHP_FPM.name && name.starts_with("php") && name.ends_with("fpm");
        is_php || self.packages.iter().any(|own| name.starts_with(own))
    }

    /// Returns what users see when another signal than its own stops it.
    pub(crate) fn effect_of(&self, signal: &str) -> String {
        if self.fast.contains(&signal) {
            format!("SIG{signal} is {}", self.effect)
        } else {
            format!("SIG{signal} is not the graceful stop of {}: clients see errors at each stop", self.name)
        }
    }
}

/// Every server.
const ALL: [&Server; 6] = [&NGINX, &PHP_FPM, &APACHE, &POSTGRES, &HAPROXY, &GUNICORN];

/// Returns whether a package has one of them.
pub(crate) fn is_server_package(package: &str) -> bool {
    ALL.into_iter().any(|server| server.is_in(package))
}

/// Returns the server that a program is.
pub(crate) fn server_of_program(program: &str) -> Option<&'static Server> {
    ALL.into_iter().find(|server| server.is(program))
}

const NGINX: Server = Server {
    name: "nginx",
    signal: "SIGQUIT",
    programs: &["nginx", "/docker-entrypoint"],
    daemons: &["nginx"],
    packages: &["nginx"],
    fast: &["TERM"],
    effect: "nginx's fast shutdown: requests in flight are reset at each stop",
};
const PHP_FPM: Server = Server {
    name: "php-fpm",
    signal: "SIGQUIT",
    programs: &["php-fpm"],
    daemons: &["php-fpm"],
    packages: &["php-fpm"],
    fast: &["TERM"],
    effect: "the immediate stop of php-fpm: requests in flight are reset at each stop",
};
const APACHE: Server = Server {
    name: "Apache",
    signal: "SIGWINCH",
    programs: &["apache2", "httpd"],
    daemons: &["apache2", "httpd"],
    packages: &["apache2", "httpd"],
    fast: &["TERM"],
    effect: "the immediate stop of Apache: requests in flight are reset at each stop",
};
const POSTGRES: Server = Server {
    name: "PostgreSQL",
    signal: "SIGINT",
    programs: &["postgres", "pg_"],
    daemons: &["postgres"],
    packages: &["postgresql"],
    fast: &["TERM"],
    effect: "the smart shutdown of PostgreSQL: it waits until every client has disconnected, and is killed at the end of the \
             grace period",
};
const HAPROXY: Server = Server {
    name: "HAProxy",
    signal: "SIGUSR1",
    programs: &["haproxy"],
    daemons: &["haproxy"],
    packages: &["haproxy"],
    fast: &["TERM"],
    effect: "the immediate stop of HAProxy: connections are reset at each stop",
};
const GUNICORN: Server = Server {
    name: "gunicorn",
    signal: "SIGTERM",
    programs: &["gunicorn"],
    daemons: &["gunicorn"],
    packages: &["gunicorn", "python3-gunicorn"],
    fast: &["INT", "QUIT"],
    effect: "gunicorn's quick shutdown: requests in flight are reset at each stop, whatever `--graceful-timeout` is",
};

/// Returns the server of an official image with a stop signal of its own.
pub(crate) fn server_of_image(image: &str) -> Option<&'static Server> {
    let image = image.split('@').next().unwrap_or(image);
    let image = image.strip_prefix("docker.io/").unwrap_or(image);
    // Mirrors keep the name: `public.ecr.aws/docker/library/nginx`.
    let image = image.rsplit_once("library/").map_or(image, |(_, name)| name);
    let (name, tag) = image.split_once(':').unwrap_or((image, ""));
    match name {
        "nginx" | "nginxinc/nginx-unprivileged" => Some(&NGINX),
        "php" if tag.contains("fpm") => Some(&PHP_FPM),
        "php" if tag.contains("apache") => Some(&APACHE),
        "httpd" => Some(&APACHE),
        "postgres" => Some(&POSTGRES),
        "haproxy" => Some(&HAPROXY),
        _ => None,
    }
}
