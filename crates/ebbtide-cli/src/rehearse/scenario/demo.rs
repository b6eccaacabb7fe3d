//! How the demo is started for a run.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// The demo's command line: address, data folder and grace period are the rehearsal's unless `options` say otherwise.
pub(crate) fn demo_program(
    exe: &Path,
    port: u16,
    data: &Path,
    grace: Duration,
    options: &[OsString],
) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec![exe.into(), "demo".into()];
    words.extend(["--listen".into(), format!("127.0.0.1:{port}").into()]);
    words.extend(["--data".into(), data.into()]);
    if !has(options, "--grace") {
        words.extend(["--grace".into(), format!("{}ms", grace.as_millis()).into()]);
    }
    if !has(options, "--lame-duck") {
        words.extend(["--lame-duck".into(), LAME_DUCK.into()]);
    }
    words.extend(options.iter().cloned());
    words
}

/// Long enough that a probe every few milliseconds sees readiness turn red, short enough for many runs.
const LAME_DUCK: &str = "1s";

fn has(options: &[OsString], name: &str) -> bool {
    options
        .iter()
        .filter_map(|word| word.to_str())
        .any(|word| word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_own_lame_duck_and_grace_win() {
        let options: Vec<OsString> = ["--lame-duck=2s", "--grace", "9s"].map(Into::into).into();
        let words = demo_program(Path::new("x"), 1, Path::new("/d"), Duration::from_secs(3), &options);
        let count = |name| words.iter().filter(|word| word.to_string_lossy().starts_with(name)).count();
        assert_eq!((count("--lame-duck"), count("--grace")), (1, 1));
    }
}
