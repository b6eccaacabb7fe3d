use std::io;
use std::time::Duration;

use super::target::Target;
use crate::model::show_duration;

/// One HTTP/1.1 request, without a client library.
///
/// # Examples
///
/// Deregister from a registry when the shutdown begins, with a separate deadline, and ask the sidecar to quit at the exit:
///
/// ```
/// use std::time::Duration;
/// use ebbtide::call::Call;
/// use ebbtide::{BoxError, Handle};
///
/// # fn register(app: &Handle, token: &str) -> Result<(), BoxError> {
/// let leave = Call::put("http://127.0.0.1:8500/v1/agent/service/deregister/orders-1")?.header("X-Consul-Token", token)?;
/// app.within(Duration::from_secs(2)).on_stop("leave consul", |_| async move { Ok(leave.send().await?) });
///
/// let quit = Call::post("http://127.0.0.1:15020/quitquitquit")?;
/// app.at_exit("sidecar", move |left| Ok(quit.timeout(left).send_blocking()?));
/// # Ok(()) }
/// ```
///
/// Revoke an etcd lease through its gateway:
///
/// ```
/// # use ebbtide::call::Call;
/// # fn register(app: &ebbtide::Handle, lease: i64) -> Result<(), ebbtide::BoxError> {
/// let revoke = Call::post("http://etcd:2379/v3/lease/revoke")?.body(format!(r#"{{"ID":"{lease}"}}"#));
/// app.on_stop("etcd lease", |_| async move { Ok(revoke.send().await?) });
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a call does nothing until it is sent"]
pub struct Call {
    pub(super) method: String,
    pub(super) target: Target,
    /// Complete header lines, each with its line end.
    pub(super) headers: String,
    pub(super) body: Vec<u8>,
    pub(super) timeout: Duration,
}

impl Call {
    /// Creates a GET request.
    ///
    /// # Errors
    ///
    /// [`CallError::Url`] when the URL is invalid, names a user, or does not begin with `http://`. For `https`, use an HTTP
    /// client in a hook.
    pub fn get(url: &str) -> Result<Self, CallError> {
        Self::new("GET", url)
    }

    /// Creates a POST request with an empty body.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn post(url: &str) -> Result<Self, CallError> {
        Self::new("POST", url)
    }

    /// Creates a PUT request with an empty body.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn put(url: &str) -> Result<Self, CallError> {
        Self::new("PUT", url)
    }

    /// Creates a DELETE request.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn delete(url: &str) -> Result<Self, CallError> {
        Self::new("DELETE", url)
    }

    /// Creates a request with another method and an empty body.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and [`CallError::Text`] when the method is not an HTTP token (RFC 9110 §5.6.2).
    pub fn new(method: &str, url: &str) -> Result<Self, CallError> {
        if !is_token(method) {
            return Err(CallError::Text { text: method.to_owned() });
        }
        Ok(Self {
            method: method.to_owned(),
            target: Target::parse(url)?,
            headers: String::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(2),
        })
    }

    /// Adds a header. `Host`, `Content-Length` and `Connection` are always sent.
    ///
    /// # Errors
    ///
    /// [`CallError::Text`] when the name or the value contains forbidden characters.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, CallError> {
        let plain = |byte: u8| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic() || byte >= 0x80;
        if !is_token(name) {
            return Err(CallError::Text { text: name.to_owned() });
        }
        if !value.bytes().all(plain) {
            return Err(CallError::Text { text: value.to_owned() });
        }
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        Ok(self)
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the timeout from the connect to the response's head. Default: 2 s.
    ///
    /// The lookup of a host name is not interrupted, and may take longer. An IP address needs no lookup.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// The error of a [`Call`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The URL is invalid or not supported. Characters other than visible ASCII must be percent-encoded (`%20`). Credentials
    /// belong in the header `Authorization`.
    #[error("invalid URL `{url}`: {why}")]
    Url {
        /// The URL as given.
        url: String,
        /// The reason.
        why: &'static str,
    },
    /// A method or a header contains characters that would change the meaning of the request.
    #[error("invalid method, header name or header value `{text}`: forbidden characters")]
    Text {
        /// The text as given.
        text: String,
    },
    /// The connection failed.
    #[error("connection to {to} failed")]
    Io {
        /// The method and the URL of the call; the host and the port when the call's thread failed.
        to: String,
        /// The I/O error.
        source: io::Error,
    },
    /// The response's head was not received within the timeout.
    #[error("no response from {to} within {}", show_duration(*limit))]
    Timeout {
        /// The method and the URL of the call.
        to: String,
        /// The timeout.
        limit: Duration,
    },
    /// The server did not send an HTTP/1 response.
    #[error("invalid HTTP response from {to}")]
    NotHttp {
        /// The method and the URL of the call.
        to: String,
    },
    /// The response's status is not 2xx.
    #[error("{to} responded with status {status}{}", if body.is_empty() { String::new() } else { format!(": {body}") })]
    Status {
        /// The method and the URL of the call.
        to: String,
        /// The status.
        status: u16,
        /// The first line of the response's body: at most 200 characters, and only what was received with the head.
        body: String,
    },
}

/// Returns whether a text is a token (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let to = || "PUT http://consul:8500/deregister".to_owned();
        let status = |body: &str| CallError::Status { to: to(), status: 500, body: body.to_owned() };
        error_form::walk! {
            CallError::Url { .. } => CallError::Url { url: "ftp://a".to_owned(), why: "the scheme is not http" };
            CallError::Text { .. } => CallError::Text { text: "a b".to_owned() };
            CallError::Io { .. } => CallError::Io { to: to(), source: io::Error::other("refused") };
            CallError::Timeout { .. } => CallError::Timeout { to: to(), limit: Duration::from_secs(1) };
            CallError::NotHttp { .. } => CallError::NotHttp { to: to() };
            CallError::Status { .. } => status(""), status("not registered");
        }
    }
}
