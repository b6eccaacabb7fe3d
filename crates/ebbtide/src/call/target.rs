use super::CallError;

/// Whom a call is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Host and port as the URL has them, for the `Host` header and for errors.
    pub(super) authority: String,
    /// The host without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, CallError> {
        let refuse = |why| CallError::Url { url: url.to_owned(), why };
        let scheme = url.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
        let Some(rest) = scheme.and_then(|_| url.get(7..)) else {
            return Err(refuse("it does not begin with http://; for https, use an HTTP client in a hook"));
        };
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refuse("it has spaces or other characters that have to be escaped as %20"));
        }
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(refuse("it names a user; set the header Authorization"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                rest.split_once(']').ok_or_else(|| refuse("its IPv6 address has no closing bracket"))?
            }
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) if port.bytes().all(|digit| digit.is_ascii_digit()) => port.parse().ok(),
            None if port.is_empty() => Some(80),
            _ => None,
        };
        let port = port.filter(|port| *port > 0).ok_or_else(|| refuse("its port is no port"))?;
        if host.is_empty() {
            return Err(refuse("it names no host"));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { authority: authority.to_owned(), host: host.to_owned(), port, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> (String, u16, String) {
        let target = Target::parse(url).expect("a URL");
        (target.host, target.port, target.path)
    }

    #[test]
    fn a_url_is_taken_apart() {
        let url = "http://127.0.0.1:15020/quitquitquit";
        assert_eq!(parsed(url), ("127.0.0.1".into(), 15020, "/quitquitquit".into()));
        assert_eq!(parsed("HTTP://consul/v1?a=b#c"), ("consul".into(), 80, "/v1?a=b".into()));
        assert_eq!(parsed("http://[::1]:80"), ("::1".into(), 80, "/".into()));
        assert_eq!(parsed("http://h?x"), ("h".into(), 80, "/?x".into()));
    }

    #[test]
    fn what_cannot_be_called_is_refused_with_a_reason() {
        for (url, why) in [
            ("https://h/", "https"),
            ("h/", "http://"),
            ("http://", "no host"),
            ("http:///x", "no host"),
            ("http://:80/", "no host"),
            ("http://u:p@h/", "Authorization"),
            ("http://h:99999/", "port"),
            ("http://h:0/", "port"),
            ("http://h:+1/", "port"),
            ("http://[::1/", "bracket"),
            ("http://[::1]x/", "port"),
            ("http://h/a b", "%20"),
            ("http://h/a\r\nX: y", "%20"),
            ("http://h/é", "%20"),
            ("é", "http://"),
        ] {
            let error = Target::parse(url).expect_err(url).to_string();
            assert!(error.contains(why), "{url}: {error}");
        }
    }
}
