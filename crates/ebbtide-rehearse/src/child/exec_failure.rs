//! Why a program could not be executed: what the kernel's error means for the file that was named.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;

/// Why a program could not be executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ExecFailure {
    /// A name without a slash, which is in no folder of `PATH`.
    NotInPath,
    /// A name with blanks: probably a whole command line.
    CommandLine,
    /// A path to a file that does not exist.
    NoSuchFile,
    /// A path to a folder.
    Folder,
    /// The file may not be executed.
    NotExecutable,
    /// The file exists, but not the interpreter or the loader that it names.
    NoInterpreter,
    /// The file is neither a program for this machine nor a script with an interpreter.
    WrongFormat,
    /// Another error.
    Other,
}

impl ExecFailure {
    /// Classifies `error`, by the file `program` as it is now.
    pub(super) fn of(program: &OsStr, error: &io::Error) -> Self {
        let is_path = program.as_bytes().contains(&b'/');
        let file = fs::metadata(program).ok().filter(|_| is_path);
        match (error.kind(), error.raw_os_error()) {
            (_, Some(libc::ENOEXEC)) => Self::WrongFormat,
            _ if file.as_ref().is_some_and(fs::Metadata::is_dir) => Self::Folder,
            (io::ErrorKind::PermissionDenied, _) => Self::NotExecutable,
            (io::ErrorKind::NotFound, _) if file.is_some() => Self::NoInterpreter,
            (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, _) => {
                match (program.as_bytes().iter().any(u8::is_ascii_whitespace), is_path) {
                    (true, _) => Self::CommandLine,
                    (false, true) => Self::NoSuchFile,
                    (false, false) => Self::NotInPath,
                }
            }
            _ => Self::Other,
        }
    }

    /// Returns advice.
    pub(crate) fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::NotInPath => {
                "no folder of PATH has it; the command after `--` is executed directly, without a shell: write `-- sh -c 'exec …'` \
                 for one"
            }
            Self::CommandLine => {
                "the command after `--` is executed directly, without a shell: write its arguments as separate words, or `-- sh -c \
                 'exec …'`"
            }
            Self::NoSuchFile => "the file does not exist; a relative path begins at the current folder",
            Self::Folder => "this is a folder; name the program in it",
            Self::NotExecutable => {
                "the file is not executable for this user: `chmod +x` makes a program or a script executable"
            }
            Self::NoInterpreter => {
                "the file exists, but not the interpreter in its first line (`#!`) or its dynamic loader"
            }
            Self::WrongFormat => {
                "the file is no program for this machine; a script needs an interpreter in its first line, such as `#!/bin/sh`"
            }
            Self::Other => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;

    use super::*;

    fn failure(program: impl AsRef<Path>) -> ExecFailure {
        let program = program.as_ref().as_os_str();
        // `Command` runs a file without an interpreter by a shell only through `execvp`, which a path does not take.
        let error = Command::new(program).spawn().map(|mut child| child.wait()).unwrap_err();
        ExecFailure::of(program, &error)
    }

    #[test]
    fn each_reason_why_a_program_is_not_executed_has_a_hint_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str, mode| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        };
        let found = [
            failure("no-such-program-in-path"),
            failure("no-such-program --port 80"),
            failure(folder.path().join("nope")),
            failure(file("plain", "", 0o644).join("nope")),
            failure(folder.path()),
            failure(file("text", "#!/bin/sh\n", 0o644)),
            failure(file("script", "#!/no/such/interpreter\n", 0o755)),
            failure(file("format", "\0\0\0\0", 0o755)),
        ];
        use ExecFailure::*;
        let expected = [
            NotInPath,
            CommandLine,
            NoSuchFile,
            NoSuchFile,
            Folder,
            NotExecutable,
            NoInterpreter,
            WrongFormat,
        ];
        assert_eq!(found, expected);
        assert!(expected.into_iter().all(|failure| failure.hint().is_some()));
    }
}
