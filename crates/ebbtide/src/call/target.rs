use super::CallError;

/// The server and the path of a call.
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
            return Err(refuse("expected http://"));
        };
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refuse("contains characters that must be percent-encoded"));
        }
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(refuse("user information is not supported"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                rest.split_once(']').ok_or_else(|| refuse("missing closing bracket of the IPv6 address"))?
            }
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) if port.bytes().all(|digit| digit.is_ascii_digit()) => port.parse().ok(),
            None if port.is_empty() => Some(80),
            _ => None,
        };
        let port = port.filter(|port| *port > 0).ok_or_else(|| refuse("invalid port"))?;
        if host.is_empty() {
            return Err(refuse("missing host"));
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
    fn a_call_url_is_parsed_into_host_port_and_path() {
        let url = "http://127.0.0.1:15020/quitquitquit";
        assert_eq!(parsed(url), ("127.0.0.1".into(), 15020, "/quitquitquit".into()));
        assert_eq!(parsed("HTTP://consul/v1?a=b#c"), ("consul".into(), 80, "/v1?a=b".into()));
        assert_eq!(parsed("http://[::1]:80"), ("::1".into(), 80, "/".into()));
        assert_eq!(parsed("http://h?x"), ("h".into(), 80, "/?x".into()));
    }

    #[test]
    fn an_unsupported_call_url_is_rejected_with_a_reason() {
        for (url, why) in [
            ("https://h/", "expected http://"),
            ("h/", "expected http://"),
            ("http://", "missing host"),
            ("http:///x", "missing host"),
            ("http://:80/", "missing host"),
            ("http://u:p@h/", "user information"),
            ("http://h:99999/", "invalid port"),
            ("http://h:0/", "invalid port"),
            ("http://h:+1/", "invalid port"),
            ("http://[::1/", "bracket"),
            ("http://[::1]x/", "invalid port"),
            ("http://h/a b", "percent-encoded"),
            ("http://h/a\r\nX: y", "percent-encoded"),
            ("http://h/é", "percent-encoded"),
            ("é", "expected http://"),
        ] {
            let error = Target::parse(url).expect_err(url).to_string();
            assert!(error.contains(why), "{url}: {error}");
        }
    }
}
