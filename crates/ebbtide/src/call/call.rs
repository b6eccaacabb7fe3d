use std::io;
use std::time::Duration;

use super::target::Target;
use crate::model::show_duration;

/// One HTTP/1.1 request, without a client library.
///
/// # Examples
///
/// Leave a registry when the stop begins, with a deadline of its own, and tell the sidecar to quit when everything is over:
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
/// Give back a lease of etcd through its gateway:
///
/// ```
/// # use ebbtide::call::Call;
/// # fn register(app: &ebbtide::Handle, lease: i64) -> Result<(), ebbtide::BoxError> {
/// let revoke = Call::post("http://etcd:2379/v3/lease/revoke")?.body(format!(r#"{{"ID":"{lease}"}}"#));
/// app.on_stop("etcd lease", |_| async move { Ok(revoke.send().await?) });
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a call is not made before it is sent"]
pub struct Call {
    pub(super) method: String,
    pub(super) target: Target,
    /// Whole lines, each with its end.
    pub(super) headers: String,
    pub(super) body: Vec<u8>,
    pub(super) timeout: Duration,
}

impl Call {
    /// Makes a GET.
    ///
    /// # Errors
    ///
    /// When the URL is none, or not of plain `http`.
    pub fn get(url: &str) -> Result<Self, CallError> {
        Self::new("GET", url)
    }

    /// Makes a POST with an empty body.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn post(url: &str) -> Result<Self, CallError> {
        Self::new("POST", url)
    }

    /// Makes a PUT with an empty body.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn put(url: &str) -> Result<Self, CallError> {
        Self::new("PUT", url)
    }

    /// Makes a DELETE.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn delete(url: &str) -> Result<Self, CallError> {
        Self::new("DELETE", url)
    }

    /// Makes a call with another method.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and when the method is no word.
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

    /// Adds a header. `Host`, `Content-Length` and `Connection` are there already.
    ///
    /// # Errors
    ///
    /// When the name or the value has characters that don't belong there.
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

    /// Sets how long it may take from the connect to the answer's head. Default: 2 s. To look up a host's name may take longer;
    /// an address needs none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Why a call was not made, or not answered as hoped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The URL is none that a call can be made to.
    #[error("invalid URL `{url}`: {why}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A method or a header has characters that would make another request of it.
    #[error("invalid method, header name or header value `{text}`: forbidden characters")]
    Text {
        /// What was given.
        text: String,
    },
    /// The connection failed.
    #[error("connection to {to} failed")]
    Io {
        /// Whom the call was for.
        to: String,
        /// What failed.
        source: io::Error,
    },
    /// No answer came in time.
    #[error("no response from {to} within {}", show_duration(*limit))]
    TooSlow {
        /// Whom the call was for.
        to: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// What came is no HTTP/1 response.
    #[error("invalid HTTP response from {to}")]
    NotHttp {
        /// Whom the call was for.
        to: String,
    },
    /// The answer's status is not in the two hundreds.
    #[error("{to} responded with status {status}{}", if body.is_empty() { String::new() } else { format!(": {body}") })]
    Status {
        /// Whom the call was for.
        to: String,
        /// The status.
        status: u16,
        /// The beginning of what it said.
        body: String,
    },
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_plain)
}
