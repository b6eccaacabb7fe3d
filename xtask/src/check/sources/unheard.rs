use std::path::Path;

const UNHEARD: &str =
    "nobody hears it where no subscriber is set: use `crate::runtime::log_warn` or `log_error`";

/// Returns the lines on which the library logs a warning or an error past what brings them to standard error.
pub(super) fn violations(path: &Path, text: &str) -> Vec<(usize, &'static str)> {
    let library = Path::new("crates/ebbtide/src");
    if !path.starts_with(library) || path.ends_with("runtime/said.rs") {
        return Vec::new();
    }
    let is_one = |line: &str| {
        let code = line.trim_start();
        !code.starts_with("//") && (code.contains("tracing::warn!") || code.contains("tracing::error!"))
    };
    text.lines().enumerate().filter(|(_, line)| is_one(line)).map(|(index, _)| (index + 1, UNHEARD)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str) -> Vec<usize> {
        let text = "tracing::info!(\"a\");\n// tracing::warn!(\"b\");\n    tracing::warn!(\n        \"c\");\nlet d = || tracing::error!(\"d\");\n";
        violations(Path::new(path), text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn warnings_and_errors_of_the_library_that_nobody_may_hear_are_found() {
        assert_eq!(lines("crates/ebbtide/src/http/life.rs"), [3, 5]);
        for elsewhere in
            ["demo/src/run.rs", "crates/ebbtide/src/runtime/said.rs", "crates/ebbtide/tests/library/logs.rs"]
        {
            assert_eq!(lines(elsewhere), [0_usize; 0], "{elsewhere}");
        }
    }
}
