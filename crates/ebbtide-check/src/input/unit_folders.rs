//! The folders of a file system in which systemd and Podman look for units.

/// The folders of each kind of units below the root of the system. Of a name the first one counts: systemd.unit(5), podman-systemd.unit(5).
const KINDS: [&[&str]; 3] = [
    &[
        "etc/systemd/system",
        "run/systemd/system",
        "usr/local/lib/systemd/system",
        "usr/lib/systemd/system",
        "lib/systemd/system",
    ],
    &[
        "etc/systemd/user",
        "run/systemd/user",
        "usr/local/share/systemd/user",
        "usr/share/systemd/user",
        "usr/local/lib/systemd/user",
        "usr/lib/systemd/user",
    ],
    &["etc/containers/systemd", "run/containers/systemd", "usr/share/containers/systemd"],
];

/// A folder of units below the root of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnitFolder<'p> {
    /// The path of the root, with the slash at its end.
    root: &'p str,
    kind: &'static [&'static str],
    /// How many of the folders count more.
    pub(crate) rank: usize,
}

/// Returns every folder of units, below the root.
pub(super) fn unit_folders() -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().flatten().copied()
}

/// Returns what a folder is to a system. `None` if systemd looks for no units in such a folder.
pub(crate) fn unit_folder(folder: &str) -> Option<UnitFolder<'_>> {
    let all = KINDS.into_iter().flat_map(|kind| (0..).zip(kind).map(move |(rank, name)| (kind, rank, *name)));
    let found = all.filter_map(|(kind, rank, name)| {
        let root = folder.strip_suffix(name)?;
        (root.is_empty() || root.ends_with('/')).then_some(UnitFolder { root, kind, rank })
    });
    // `usr/lib/systemd/system` ends as `lib/systemd/system` does.
    found.min_by_key(|found| found.root.len())
}

impl UnitFolder<'_> {
    /// Returns the folders that systemd reads as one, those first that count more.
    pub(crate) fn all(self) -> impl Iterator<Item = String> {
        self.kind.iter().map(move |name| format!("{}{name}", self.root))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_units_is_below_a_root() {
        for (folder, root, rank) in [
            ("etc/systemd/system", "", 0),
            ("/etc/systemd/system", "/", 0),
            ("./rootfs/usr/lib/systemd/system", "./rootfs/", 3),
            ("rootfs/lib/systemd/system", "rootfs/", 4),
            ("usr/local/lib/systemd/system", "", 2),
            ("a/usr/share/containers/systemd", "a/", 2),
        ] {
            let found = unit_folder(folder).unwrap();
            assert_eq!((found.root, found.rank), (root, rank), "{folder}");
            assert_eq!(found.all().nth(rank).as_deref(), Some(folder));
        }
        for folder in
            ["", "deploy", "systemd/system", "myetc/systemd/system", "etc/systemd/system/web.service.d"]
        {
            assert_eq!(unit_folder(folder), None, "{folder}");
        }
    }
}
