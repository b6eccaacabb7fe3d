use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// The address of one end of a connection, or of a listener.
///
/// # Examples
///
/// ```
/// # #[tokio::main] async fn main() -> std::io::Result<()> {
/// use ebbtide::http::Listener;
///
/// let listener = Listener::bind("127.0.0.1:0").await?;
/// println!("listening on {}", listener.local_addr());
/// assert_ne!(listener.local_addr().port(), Some(0));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a Unix socket; abstract names begin with `@`. `None` for a socket without a name, as for most
    /// clients.
    Unix(Option<Arc<Path>>),
}

impl Address {
    /// Returns the TCP address, if it is a TCP address.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(addr) => Some(*addr),
            Self::Unix(_) => None,
        }
    }

    /// Returns the IP address of a TCP address. An IPv4 address on an IPv6 socket is returned as IPv4.
    pub fn ip(&self) -> Option<IpAddr> {
        self.tcp().map(|addr| addr.ip().to_canonical())
    }

    /// Returns the port of a TCP address.
    pub fn port(&self) -> Option<u16> {
        self.tcp().map(|addr| addr.port())
    }

    /// Returns the path of a Unix socket, if it has one; an abstract name begins with `@`.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(path) => path.as_deref(),
        }
    }
}

/// Formats a TCP address as `127.0.0.1:80` or `[::1]:80`, a Unix one as `unix:/run/app.sock` or `unix:@name`, or `unix`
/// if it has no name.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Self::Unix(None) => f.write_str("unix"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr)
    }
}

impl From<&std::os::unix::net::SocketAddr> for Address {
    fn from(addr: &std::os::unix::net::SocketAddr) -> Self {
        Self::Unix(addr.as_pathname().map(Arc::from).or_else(|| abstract_name(addr)))
    }
}

#[cfg(target_os = "linux")]
fn abstract_name(addr: &std::os::unix::net::SocketAddr) -> Option<Arc<Path>> {
    use std::ffi::OsStr;
    use std::os::linux::net::SocketAddrExt;
    let name = [b"@", addr.as_abstract_name()?].concat();
    Some(Arc::from(Path::new(OsStr::from_bytes(&name))))
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &std::os::unix::net::SocketAddr) -> Option<Arc<Path>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_displayed_as_host_and_port_or_as_unix_path() {
        let tcp = |addr: &str| Address::Tcp(addr.parse().unwrap());
        assert_eq!(tcp("127.0.0.1:80").to_string(), "127.0.0.1:80");
        assert_eq!(tcp("[::1]:80").to_string(), "[::1]:80");
        assert_eq!(Address::Unix(None).to_string(), "unix");
        assert_eq!(Address::Unix(Some(Path::new("/run/a.sock").into())).to_string(), "unix:/run/a.sock");
    }

    #[test]
    fn an_ipv4_address_on_a_dual_stack_socket_is_an_ipv4_address() {
        let mapped = Address::Tcp("[::ffff:10.0.0.1]:80".parse().unwrap());
        assert_eq!(mapped.ip(), Some([10, 0, 0, 1].into()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn abstract_socket_names_are_displayed_with_an_at_sign() {
        use std::os::linux::net::SocketAddrExt;
        let addr = std::os::unix::net::SocketAddr::from_abstract_name("name").unwrap();
        assert_eq!(Address::from(&addr).to_string(), "unix:@name");
    }
}
