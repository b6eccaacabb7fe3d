//! Replaces the text of a file as a whole, so that another program sees the old text or the new one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

/// Why a file was not replaced.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReplaced {
    #[error("it is a symbolic link to {}, outside of {}", target.display(), folder.display())]
    Outside { target: PathBuf, folder: PathBuf },
    #[error("it has changed since it was read")]
    Changed,
    #[error("cannot write it")]
    Io(#[from] io::Error),
}

/// Replaces the text of a file that was reached through one of these arguments. The permissions stay, and so does a symbolic link to a
/// file of the same folder, whose target is replaced.
///
/// # Errors
///
/// The file cannot be written, does not have the text `before` any more, or is a symbolic link out of the folder that was named.
pub(super) fn replace(
    path: &Path,
    arguments: &[PathBuf],
    before: &str,
    after: &str,
) -> Result<(), NotReplaced> {
    let folder = fs::canonicalize(folder_of(path, arguments))?;
    let target = fs::canonicalize(path)?;
    if !target.starts_with(&folder) {
        return Err(NotReplaced::Outside { target, folder });
    }
    let present = fs::read(&target)?;
    let mark = if present.starts_with(MARK) { MARK } else { b"" };
    if present.strip_prefix(mark) != Some(before.as_bytes()) {
        return Err(NotReplaced::Changed);
    }
    let metadata = fs::metadata(&target)?;
    let mut new = tempfile::Builder::new()
        .prefix(".ebbtide-")
        .tempfile_in(target.parent().unwrap_or(Path::new("/")))?;
    new.write_all(mark)?;
    new.write_all(after.as_bytes())?;
    keep_owner(new.as_file(), &metadata);
    new.as_file().set_permissions(metadata.permissions())?;
    new.as_file().sync_all()?;
    new.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

/// A byte order mark, which is not part of the text.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Returns the folder that may be changed: that of the arguments which the file is in, else the file's own.
fn folder_of<'p>(path: &'p Path, arguments: &'p [PathBuf]) -> &'p Path {
    let named = arguments.iter().filter(|argument| path.starts_with(argument) && argument.is_dir());
    let own = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    named.min_by_key(|argument| argument.as_os_str().len()).map_or(own, PathBuf::as_path)
}

/// Gives the file the owner of the one that it replaces, where this process may do so: root.
fn keep_owner(file: &File, metadata: &fs::Metadata) {
    let _other_owner = fchown(file, Some(metadata.uid()), Some(metadata.gid()));
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use tempfile::tempdir;

    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            NotReplaced::Outside { .. } => NotReplaced::Outside { target: "/b".into(), folder: "/a".into() };
            NotReplaced::Changed => NotReplaced::Changed;
            NotReplaced::Io(_) => NotReplaced::Io(io::Error::other("permission denied"));
        }
    }

    #[test]
    fn the_permissions_and_the_byte_order_mark_stay_and_nothing_is_left_beside() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "\u{feff}a: 1\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
        replace(&file, &[], "a: 1\n", "a: 2\n").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "\u{feff}a: 2\n");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o664);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "a: 3\n").unwrap();
        assert!(matches!(replace(&file, &[], "a: 1\n", "a: 2\n"), Err(NotReplaced::Changed)));
        assert_eq!(fs::read_to_string(&file).unwrap(), "a: 3\n");
    }

    #[test]
    fn a_link_within_the_folder_is_followed_and_one_out_of_it_is_not() {
        let folder = tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("deploy/base")).unwrap();
        for name in ["outside.yaml", "deploy/base/inside.yaml"] {
            fs::write(at(name), "a: 1\n").unwrap();
        }
        symlink(at("outside.yaml"), at("deploy/out.yaml")).unwrap();
        symlink(at("deploy/base/inside.yaml"), at("deploy/in.yaml")).unwrap();
        let arguments = [at("deploy")];
        let refused = replace(&at("deploy/out.yaml"), &arguments, "a: 1\n", "a: 2\n");
        assert!(matches!(refused, Err(NotReplaced::Outside { .. })), "{refused:?}");
        replace(&at("deploy/in.yaml"), &arguments, "a: 1\n", "a: 2\n").unwrap();
        assert!(at("deploy/in.yaml").is_symlink());
        let texts =
            ["outside.yaml", "deploy/base/inside.yaml"].map(|name| fs::read_to_string(at(name)).unwrap());
        assert_eq!(texts, ["a: 1\n", "a: 2\n"]);
        // Named by itself, without the folder that its target is in.
        let refused = replace(&at("deploy/in.yaml"), &[at("deploy/in.yaml")], "a: 2\n", "a: 3\n");
        assert!(refused.is_ok(), "{refused:?}");
    }
}
