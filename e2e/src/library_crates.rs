use std::fs;
use std::path::{Path, PathBuf};

/// Returns the crates that make up the library, those for clients of other projects among them: their names, and where their
/// sources are.
///
/// # Panics
///
/// When the folder of the crates cannot be read.
#[expect(clippy::expect_used, reason = "a helper that fails fails its test")]
pub fn library_crates() -> Vec<(String, PathBuf)> {
    let crates = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates")).expect("the crates");
    let crates = crates.map(|entry| entry.expect("a folder"));
    let named =
        crates.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path().join("src")));
    named
        .filter(|(name, _)| !matches!(name.as_str(), "ebbtide-cli" | "ebbtide-misuse" | "ebbtide-rehearse"))
        .collect()
}
