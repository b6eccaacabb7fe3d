/// A shell that a base image has as `/bin/sh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shell {
    Dash,
    Ash,
    Bash,
}

impl Shell {
    /// Returns its name and where it is used.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dash => "dash (Debian, Ubuntu)",
            Self::Ash => "busybox ash (Alpine)",
            Self::Bash => "bash",
        }
    }
}

/// Returns the `/bin/sh` of an image whose name says what it is based on.
pub(crate) fn shell_of_image(image: &str) -> Option<Shell> {
    let image = image.to_ascii_lowercase();
    let names = |words: &[&str]| words.iter().any(|word| image.contains(word));
    if names(&["alpine", "busybox"]) {
        Some(Shell::Ash)
    } else if names(&[
        "debian", "ubuntu", "bookworm", "bullseye", "buster", "trixie", "slim", "jammy", "noble", "focal",
    ]) {
        Some(Shell::Dash)
    } else if names(&[
        "fedora",
        "centos",
        "/ubi",
        "rockylinux",
        "almalinux",
        "amazonlinux",
        "redhat",
        "oraclelinux",
    ]) {
        Some(Shell::Bash)
    } else {
        None
    }
}

/// Programs that come with a shell's userland.
const USERLAND: [&str; 8] = ["sh", "bash", "ash", "sleep", "kill", "curl", "wget", "killall"];

/// Returns whether an image, by its name, has no shell, and therefore not this program.
pub(crate) fn lacks(image: &str, program: &str) -> bool {
    USERLAND.contains(&program) && has_no_shell(image)
}

fn has_no_shell(image: &str) -> bool {
    let image = image.to_ascii_lowercase();
    let is_minimal =
        ["distroless", "cgr.dev/chainguard", "scratch", "-static:"].iter().any(|mark| image.contains(mark));
    // Their variants for debugging have one.
    is_minimal && !image.contains("debug") && !image.contains("-dev")
}
