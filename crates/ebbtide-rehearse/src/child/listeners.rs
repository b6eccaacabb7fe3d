//! Where a service listens, when it is not where it was expected.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::process::Pid;

use super::family::members;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";
/// The flag of a listening socket in `/proc/net/unix` (`__SO_ACCEPTCON`).
const ACCEPTS: &str = "00010000";

/// The addresses on which the service in group `group` and what it started listen.
pub(crate) fn listeners(group: Pid) -> Vec<String> {
    let inodes: HashSet<String> = members(group).into_iter().flat_map(sockets).collect();
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let mut found = Vec::new();
    for (file, is_six) in [("/proc/net/tcp", false), ("/proc/net/tcp6", true)] {
        found.extend(read(file).lines().skip(1).filter_map(|line| tcp(line, is_six, &inodes)));
    }
    found.extend(read("/proc/net/unix").lines().skip(1).filter_map(|line| unix(line, &inodes)));
    found.sort_unstable();
    found.dedup();
    found
}

/// The inodes of the sockets that process `pid` has open.
fn sockets(pid: i32) -> Vec<String> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = files.filter_map(|file| fs::read_link(file.path()).ok());
    links
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect()
}

fn tcp(line: &str, is_six: bool, inodes: &HashSet<String>) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    if *state != LISTEN || !inodes.contains(*inode) {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let ip = if is_six { IpAddr::V6(six(address)?) } else { IpAddr::V4(four(address)?) };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?).to_string())
}

/// The kernel prints each word of an address in the byte order of the machine.
fn four(text: &str) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(u32::from_str_radix(text, 16).ok()?.to_ne_bytes()))
}

fn six(text: &str) -> Option<Ipv6Addr> {
    let mut bytes = [0; 16];
    for (at, four) in bytes.chunks_exact_mut(4).enumerate() {
        let word = text.get(at * 8..at * 8 + 8)?;
        four.copy_from_slice(&u32::from_str_radix(word, 16).ok()?.to_ne_bytes());
    }
    Some(Ipv6Addr::from(bytes))
}

fn unix(line: &str, inodes: &HashSet<String>) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (flags, inode, path) = (fields.get(3)?, fields.get(6)?, fields.get(7)?);
    (*flags == ACCEPTS && inodes.contains(*inode)).then(|| format!("the Unix socket {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_sockets_are_read_from_the_kernels_tables() {
        let inodes: HashSet<String> = ["7", "8"].map(str::to_owned).into();
        let line = "0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 7 1 0";
        assert_eq!(tcp(line, false, &inodes).as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(tcp(&line.replace(" 0A ", " 01 "), false, &inodes), None);
        assert_eq!(tcp(&line.replace(" 7 ", " 9 "), false, &inodes), None);
        let six = line.replace("0100007F", "00000000000000000000000001000000");
        assert_eq!(tcp(&six, true, &inodes).as_deref(), Some("[::1]:8080"));
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01 8 /run/x.sock";
        assert_eq!(unix(line, &inodes).as_deref(), Some("the Unix socket /run/x.sock"));
    }
}
