//! Units and drop-ins of one file system are joined as systemd joins them: systemd.unit(5).

use std::fs;
use std::os::unix::fs::symlink;

use ebbtide_check::{Options, Sources, check, collect};

use crate::common::{check_all, ids, shown};

const ETC: &str = "rootfs/etc/systemd/system";
const RUN: &str = "rootfs/run/systemd/system";
const LOCAL: &str = "rootfs/usr/local/lib/systemd/system";
const USR: &str = "rootfs/usr/lib/systemd/system";
const LIB: &str = "rootfs/lib/systemd/system";

const UNIT: &str = "[Service]\nExecStart=/usr/bin/web\nX-EbbtideDrain=60s\n";
const SHORT: &str = "[Service]\nTimeoutStopSec=20\n";
const LONG: &str = "[Service]\nTimeoutStopSec=150\n";

/// Returns whether the drain of a unit does not fit.
fn overruns(files: &[(&str, &str, &str)]) -> bool {
    let files: Vec<(String, &str)> =
        files.iter().map(|(folder, name, text)| (format!("{folder}/{name}"), *text)).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let report = check_all(&files);
    assert!(report.problems.is_empty(), "{}", shown(&report));
    ids(&report).contains(&"S001")
}

#[test]
fn a_drop_in_belongs_to_a_unit_in_another_folder_of_the_same_root() {
    for folder in [ETC, RUN, LOCAL, USR, LIB] {
        for name in ["web.service.d/a.conf", "service.d/a.conf"] {
            assert!(overruns(&[(USR, "web.service", UNIT), (folder, name, SHORT)]), "{folder}");
            let short = format!("{UNIT}TimeoutStopSec=20\n");
            assert!(!overruns(&[(LIB, "web.service", &short), (folder, name, LONG)]), "{folder}");
        }
    }
    // Another root, another kind, and a folder in which systemd does not look.
    for folder in ["other/etc/systemd/system", "rootfs/etc/systemd/user", "rootfs/opt/systemd/system"] {
        assert!(
            !overruns(&[(USR, "web.service", UNIT), (folder, "web.service.d/a.conf", SHORT)]),
            "{folder}"
        );
    }
    let pod = "[Container]\nImage=web\n[Service]\nX-EbbtideDrain=60s\n";
    let report = check_all(&[
        ("usr/share/containers/systemd/web.container", pod),
        ("etc/containers/systemd/web.container.d/a.conf", "[Container]\nStopTimeout=90\n"),
    ]);
    assert!(!ids(&report).contains(&"Q001"), "{}", shown(&report));
}

#[test]
fn of_one_name_the_drop_in_of_the_first_folder_counts() {
    let unit = (USR, "web.service", UNIT);
    let a = "web.service.d/a.conf";
    for (first, second) in [(ETC, RUN), (RUN, LOCAL), (LOCAL, USR), (USR, LIB), (ETC, LIB)] {
        assert!(!overruns(&[unit, (first, a, LONG), (second, a, SHORT)]), "{first} {second}");
        assert!(overruns(&[unit, (first, a, SHORT), (second, a, LONG)]), "{first} {second}");
    }
    // Of several names the last one counts, wherever it is.
    assert!(overruns(&[unit, (ETC, a, LONG), (USR, "web.service.d/b.conf", SHORT)]));
    assert!(!overruns(&[unit, (ETC, "web.service.d/b.conf", LONG), (USR, a, SHORT)]));
    // A file without settings hides those of its name.
    for hidden in ["", "[Unit]\nDescription=web\n"] {
        assert!(!overruns(&[unit, (ETC, a, hidden), (USR, a, SHORT)]), "{hidden}");
        assert!(overruns(&[unit, (ETC, "web.service.d/b.conf", hidden), (USR, a, SHORT)]), "{hidden}");
    }
}

#[test]
fn a_unit_replaces_that_of_a_later_folder() {
    let short = format!("{UNIT}TimeoutStopSec=20\n");
    assert!(overruns(&[(USR, "web.service", &short)]));
    assert!(!overruns(&[(USR, "web.service", &short), (ETC, "web.service", UNIT)]));
    assert!(overruns(&[(USR, "web.service", UNIT), (ETC, "web.service", &short)]));
    // An empty one masks it, with its drop-ins.
    assert!(!overruns(&[(USR, "web.service", &short), (ETC, "web.service", "")]));
    assert!(overruns(&[(USR, "web.service", &short), (ETC, "other.service", "")]));
}

#[test]
fn a_link_to_dev_null_masks_a_unit() {
    let folder = tempfile::tempdir().unwrap();
    let found = |etc: &str| {
        let mut sources = Sources::new();
        let (files, problems) = collect(&[folder.path().to_owned()]);
        for file in &files {
            sources.add_file(file).unwrap();
        }
        let report = check(sources, &Options::default());
        assert_eq!((problems.len(), report.problems.len()), (0, 0), "{etc} {}", shown(&report));
        ids(&report).contains(&"S001")
    };
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(&format!("{USR}/web.service"), &format!("{UNIT}TimeoutStopSec=20\n"));
    write(&format!("{ETC}/other.service"), "[Service]\nExecStart=/bin/other\n");
    assert!(found("no link"));
    symlink("/dev/null", folder.path().join(ETC).join("web.service")).unwrap();
    assert!(!found("a link"));
}
