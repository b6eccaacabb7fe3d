//! The programs of a service's processes, by which its server is recognised.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::descendants::Family;
use super::listening::listening_sockets;
use super::proc::{listening_at, sockets};
use crate::record::Endpoint;

/// One process of the service.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ServiceProgram {
    /// The name of its executable file, or its command name where that cannot be read.
    pub(crate) name: String,
    /// Its command line.
    pub(crate) words: Vec<String>,
    /// Whether it is the process that was started, and gets the signal.
    pub(crate) main: bool,
    /// Whether it listens at the address.
    pub(crate) listens: bool,
    /// Whether it was built by Go.
    pub(crate) go: bool,
}

/// Returns the processes of the service, with those first that listen at `address`.
pub(crate) fn programs(family: Family, address: &Endpoint) -> Vec<ServiceProgram> {
    let listening = match address {
        Endpoint::Tcp(address) => listening_on(address.port()),
        Endpoint::Unix(path) => listening_at(path).into_iter().collect(),
    };
    let main = family.main().as_raw_nonzero().get();
    let mut pids = family.members();
    pids.sort_unstable();
    let mut found: Vec<ServiceProgram> = pids
        .into_iter()
        .filter_map(|pid| {
            let listens = sockets(pid).iter().any(|inode| listening.contains(inode));
            program(pid, pid == main, listens)
        })
        .collect();
    found.sort_by_key(|program| !program.listens);
    found
}

/// `None`: it has exited.
fn program(pid: i32, main: bool, listens: bool) -> Option<ServiceProgram> {
    let of = |file: &str| format!("/proc/{pid}/{file}");
    let line = fs::read(of("cmdline")).ok()?;
    let words = String::from_utf8_lossy(&line);
    let words = words.split('\0').map(str::to_owned).filter(|word| !word.is_empty()).collect();
    let name = fs::read_link(of("exe")).ok().and_then(|exe| {
        let name = exe.file_name()?.to_string_lossy().into_owned();
        Some(name.trim_end_matches(" (deleted)").to_owned())
    });
    let name = name.or_else(|| Some(fs::read_to_string(of("comm")).ok()?.trim_end().to_owned()))?;
    let go = listens && is_go(Path::new(&of("exe"))).unwrap_or(false);
    Some(ServiceProgram { name, words, main, listens, go })
}

/// Returns the inodes of the sockets that listen on `port`.
fn listening_on(port: u16) -> HashSet<String> {
    let sockets = listening_sockets().into_iter();
    sockets.filter(|socket| socket.local.port() == port).map(|socket| socket.inode).collect()
}

/// The longest table of section names that is read.
const MOST_NAMES: u64 = 64 * 1024;
/// The section that the Go linker writes, also into programs without symbols.
const GO_SECTION: &[u8] = b".go.buildinfo";

/// Returns whether the ELF file `exe` has the section of a Go program. `None`: it is not a 64-bit ELF file.
fn is_go(exe: &Path) -> Option<bool> {
    let file = File::open(exe).ok()?;
    let mut head = [0; 64];
    file.read_exact_at(&mut head, 0).ok()?;
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let sections = u64::from_le_bytes(head.get(0x28..0x30)?.try_into().ok()?);
    let entry = u64::from(u16::from_le_bytes(head.get(0x3a..0x3c)?.try_into().ok()?));
    let names = u64::from(u16::from_le_bytes(head.get(0x3e..0x40)?.try_into().ok()?));
    let mut section = [0; 64];
    file.read_exact_at(&mut section, sections.checked_add(entry.checked_mul(names)?)?).ok()?;
    let offset = u64::from_le_bytes(section.get(0x18..0x20)?.try_into().ok()?);
    let size = u64::from_le_bytes(section.get(0x20..0x28)?.try_into().ok()?).min(MOST_NAMES);
    let mut table = vec![0; usize::try_from(size).ok()?];
    file.read_exact_at(&mut table, offset).ok()?;
    Some(table.split(|byte| *byte == 0).any(|name| name == GO_SECTION))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use rustix::process::getpid;

    use super::*;
    use crate::child::listeners;

    #[test]
    fn the_process_that_listens_at_the_address_is_found_with_its_command_line() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Endpoint::Tcp(listener.local_addr().unwrap());
        let of_this_process = |address| {
            let found = programs(Family::Started(getpid()), address);
            found.into_iter().find(|program| program.main).unwrap()
        };
        let found = of_this_process(&address);
        assert!(found.listens && !found.go, "{found:?}");
        assert_eq!(Some(found.words.first().unwrap()), std::env::args().next().as_ref());
        drop(listener);
        assert!(!of_this_process(&address).listens);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let address = Endpoint::Unix(path.as_path().into());
        let listener = UnixListener::bind(&path).unwrap();
        assert!(of_this_process(&address).listens);
        assert_eq!(
            listeners(Family::Started(getpid())).iter().filter(|at| **at == address.to_string()).count(),
            1
        );
        drop(listener);
        assert!(!of_this_process(&address).listens);
    }

    /// An ELF file whose table of section names is `names`.
    fn elf(names: &[u8]) -> tempfile::NamedTempFile {
        let mut bytes = vec![0; 128];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[0x28..0x30].copy_from_slice(&64_u64.to_le_bytes());
        bytes[0x3a..0x3c].copy_from_slice(&64_u16.to_le_bytes());
        bytes[64 + 0x18..64 + 0x20].copy_from_slice(&128_u64.to_le_bytes());
        bytes[64 + 0x20..64 + 0x28].copy_from_slice(&(names.len() as u64).to_le_bytes());
        bytes.extend_from_slice(names);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    #[test]
    fn a_go_program_is_told_by_its_section() {
        assert_eq!(is_go(elf(b"\0.text\0.go.buildinfo\0").path()), Some(true));
        assert_eq!(is_go(elf(b"\0.text\0.data\0").path()), Some(false));
        assert_eq!(is_go(&std::env::current_exe().unwrap()), Some(false));
        let script = tempfile::NamedTempFile::new().unwrap();
        fs::write(script.path(), "#!/bin/sh\n".repeat(20)).unwrap();
        assert_eq!(is_go(script.path()), None);
    }
}
